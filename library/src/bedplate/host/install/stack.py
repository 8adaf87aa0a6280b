"""The steps of an install: a few commands of Docker Compose each."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bedplate.host import ROOT, installed_as, programs
from bedplate.host.commands.docker import compose
from bedplate.host.configuration import env_file, services
from bedplate.host.configuration.owner import owner_ids
from bedplate.host.configuration.proxy_settings import has_network, proxy_settings
from bedplate.host.configuration.secret_list import FOLDER, POSTGRES, Secret
from bedplate.host.database_role import give_postgres_its_secret, limit_database_role
from bedplate.host.install.configuration_files import local_text, server_text
from bedplate.host.install.request import Request
from bedplate.host.install.services import report_unhealthy
from bedplate.host.password_lists import PasswordLists
from bedplate.host.secrets_folder import SecretsFolder
from bedplate.host.steps import CommandError, Steps

DATABASE_TIMEOUT = 180  # seconds
START_TIMEOUT = 300


@dataclass(frozen=True)
class Stack:
    """The stack to install, and the steps of the install."""

    request: Request
    secrets: Mapping[str, Secret]
    steps: Steps

    @cached_property
    def services(self) -> Mapping[str, Any]:
        """The services of the environment, once `.env` is written."""
        return programs.services()

    @property
    def is_server(self) -> bool:
        """True for DEV and PROD."""
        return self.request.environment.is_server

    @property
    def database_is_elsewhere(self) -> bool:
        """True if the database is another owner's server."""
        return not services.database_services(self.services)

    @cached_property
    def passwords(self) -> PasswordLists:
        """The password lists of the servers that check hashes."""
        return PasswordLists(secrets=self.secrets, services=self.services, steps=self.steps)

    def write_env_file(self) -> None:
        """Create `.env`, or change only the requested values in it."""
        values = {"HTTP_PORT": self.request.port, **proxy_settings()}
        if not env_file.FILE.exists():
            owner = owner_ids(self.request.environment)
            env_file.replace(local_text(self.request.project, values, owner))
        else:
            env_file.set_values(values)
        env_file.FILE.chmod(0o600)
        installed_as.set_project(self.request.project)

    def write_server_configuration(self) -> None:
        """Create secrets/ and `.env`, or change only the requested values in them."""
        folder = SecretsFolder(secrets=self.secrets, environment=self.request.environment)
        project = self.request.project
        folder.write_missing()
        PasswordLists(secrets=self.secrets, services={}, steps=self.steps).add()
        installed_as.set_project(project)
        folder.note()
        folder.close_all()
        if not env_file.FILE.exists():
            env_file.replace(server_text(self.request, owner_ids(self.request.environment)))
        else:
            env_file.set_values({"HTTP_PORT": self.request.port, **self.request.values})
        env_file.FILE.chmod(0o600)

    def pull_images(self) -> None:
        """Pull the missing images: with all of them here, no registry is needed."""
        if names := services.made_elsewhere(self.services):
            self.steps.run(compose("pull", "--policy", "missing", "--ignore-buildable", *names))

    def build_images(self) -> None:
        """Build the images. On a server, test nginx's configuration before anything is replaced."""
        self.steps.run(compose("build"))
        if self.is_server:
            self.steps.run(compose("run", "--rm", "--no-deps", "--no-TTY", "nginx", "nginx", "-t"))

    def start_databases(self) -> None:
        """Start the services that the application waits for."""
        names = services.needed_by_web(self.services)
        if self.is_server:
            give_postgres_its_secret(FOLDER / POSTGRES, self.services, self.steps)
            self.passwords.accept_current()
            # A server without passwords is not replaced before its clients, which have no password yet.
            open_ones = self.passwords.without_list()
            names = [name for name in names if name not in open_ones]
        if names:
            self._up(DATABASE_TIMEOUT, *names)
        limit_database_role(self.services, self.steps)

    def migrate(self) -> None:
        """Migrate the database."""
        self._manage("migrate", "--no-input")

    def create_default_user(self) -> None:
        """Create the first user."""
        self._manage("create_default_user")

    def _manage(self, *arguments: str) -> None:
        self.steps.run(compose("run", "--rm", "--no-deps", "--no-TTY", "web", "python", "manage.py", *arguments))

    def start_everything(self) -> None:
        """Start all services, and wait until they are healthy."""
        if not self.is_server and (ROOT / "web/frontend").is_dir():
            # The engine would create a mount point inside the checkout as root.
            Path(ROOT, "web/frontend/node_modules").mkdir(exist_ok=True)
        self._up(START_TIMEOUT)
        self._remove_unused_network()
        if self.is_server:
            volume = f"{env_file.get('COMPOSE_PROJECT_NAME')}_static_files:/srv/static"
            options = ("--rm", "--no-deps", "--no-TTY", "--volume", volume)
            publish = ("python", "manage.py", "publish_static_files", "/srv/static")
            self.steps.run(compose("run", *options, "web", *publish))
            self.passwords.accept_only_current()

    def _remove_unused_network(self) -> None:
        """Remove the network that nginx used without the proxy: Docker has room for about thirty."""
        unused = f"{self.request.project}_proxy_pass"
        if env_file.get("PROXY_PASS") and env_file.get("PROXY_NETWORK") != unused and has_network(unused):
            self.steps.run(["docker", "network", "rm", unused], check=False)

    def _up(self, limit: int, *names: str) -> None:
        try:
            self.steps.run(compose("up", "--detach", "--wait", "--wait-timeout", str(limit), *names))
        except CommandError:
            report_unhealthy(self.steps)
            raise
