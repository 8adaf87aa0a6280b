"""The steps of each secret's rotation, and the way back.

After each step, running services and those that start next work with secrets/.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from bedplate.host import ROOT, programs
from bedplate.host.commands.docker import compose
from bedplate.host.configuration import env_file, services
from bedplate.host.configuration.secret_list import FOLDER, POSTGRES, Secret
from bedplate.host.database_role import give_postgres_its_secret
from bedplate.host.deploy.containers import has_image
from bedplate.host.install.services import replace, running, start_what_is_down
from bedplate.host.password_lists import PasswordLists
from bedplate.host.programs import attempt
from bedplate.host.rotation.files import SecretFiles
from bedplate.host.steps import Steps

CHANGE_PASSWORD = ROOT / "library/postgres/change_password.py"

Action = tuple[str, Callable[[], None]]


@dataclass(frozen=True)
class Rotation:
    """One rotation: the secret's files, and the services that read it."""

    files: SecretFiles
    secrets: Mapping[str, Secret]
    steps: Steps
    wait: int

    @property
    def name(self) -> str:
        """The name of the secret."""
        return self.files.secret.name

    @cached_property
    def services(self) -> Mapping[str, Any]:
        """The services of the environment."""
        return programs.services()

    @property
    def readers(self) -> list[str]:
        """The services that read the secret."""
        return services.readers_of(self.name, self.services)

    @property
    def passwords(self) -> PasswordLists:
        """The password lists of the servers that check hashes."""
        return PasswordLists(secrets=self.secrets, services=self.services, steps=self.steps, wait=self.wait)

    @property
    def has_list(self) -> bool:
        """True if a server checks this secret by its hash."""
        return any(secret.name == self.name for _list, secret in self.passwords.lists)

    def actions(self) -> list[Action]:
        """Return the steps of this secret."""
        sequences: dict[str, Callable[[], list[Action]]] = {
            "secret_key": self._secret_key,
            "postgres_password": self._postgres_password,
            "default_user_password": self._default_user_password,
            "dev_password": self._dev_password,
            "google_credentials": self._google_credentials,
        }
        return sequences.get(self.name, self._password_of_server if self.has_list else self._default_steps)()

    def actions_to_forget(self) -> list[Action]:
        """Return the steps that revoke the earlier keys."""
        return [("Accept only the current key", partial(self.files.keep_lines, 1)), self._restart]

    @property
    def _restart(self) -> Action:
        return "Restart its readers", self.restart

    @property
    def _use(self) -> Action:
        return "Put it into secrets/", self.files.use

    def _secret_key(self) -> list[Action]:
        return [
            ("Accept the next key beside this one", self.files.learn),
            self._restart,
            ("Sign with the next key", self.files.use_first),
            self._restart,
            ("Keep one earlier key", partial(self.files.keep_lines, 2)),
        ]

    def _postgres_password(self) -> list[Action]:
        return [
            ("Try the next password beside this one", self.files.learn),
            self._restart,
            ("Set the next password in PostgreSQL", self._use_in_postgres),
            self._restart,
            ("Forget the previous password", self._forget_postgres_password),
        ]

    def _default_user_password(self) -> list[Action]:
        return [self._use, (f"Set it for {env_file.get('DEFAULT_USER_EMAIL')}", self._reset_default_user)]

    def _dev_password(self) -> list[Action]:
        return [self._use, ("Replace its readers", self._recreate_readers)]

    def _google_credentials(self) -> list[Action]:
        tries: list[Action] = []
        if env_file.get("BACKUP_URL") and (ROOT / "google_storage.sh").exists():
            tries = [("Test its access", partial(self._run, ["./google_storage.sh", "-l"]))]
        return [self._use, *tries, ("Replace its readers", self.replace_readers)]

    def _password_of_server(self) -> list[Action]:
        return [
            ("Let the server accept the next password", self._accept_next_in_server),
            self._use,
            ("Replace its readers", self._replace_all_readers),
            ("Let the server accept only the next password", self.passwords.accept_only_current),
        ]

    def _default_steps(self) -> list[Action]:
        """Return the steps of a secret that only its readers need."""
        return [self._use, ("Replace its readers", self.replace_readers)]

    def _run(self, command: list[str]) -> None:
        self.steps.run(command)

    def restart(self) -> None:
        """Restart the release."""
        self._run(["./bedplate", "deploy", "--restart", "--yes", "--wait", str(self.wait)])

    def _use_in_postgres(self) -> None:
        """Change the password in PostgreSQL, which then accepts only the next one; running clients try both."""
        self.files.use_first()
        command = compose("run", "--rm", "--no-deps", "--no-TTY", "web", "python", "-")
        self.steps.run(command, given=str(CHANGE_PASSWORD))

    def _forget_postgres_password(self) -> None:
        """Keep only the next one. A database elsewhere has no file; an earlier one keeps its file and volume."""
        self.files.keep_lines(1)
        if not services.database_services(self.services):
            return
        made = FOLDER / f".{POSTGRES}.next"  # after a killed run, it may belong to PostgreSQL's user already
        self.files.folder.put(made.name, f"{self.files.next_value()}\n")
        give_postgres_its_secret(made, self.services, self.steps)
        made.replace(FOLDER / POSTGRES)

    def _reset_default_user(self) -> None:
        manage = ("web", "python", "manage.py", "create_default_user", "--reset-password")
        self._run(compose("run", "--rm", "--no-deps", "--no-TTY", *manage))

    def _recreate_readers(self) -> None:
        """Replace the readers. nginx is removed only when the next one exists, so that its ports stay in use."""
        if self.readers:  # without a name it would be every service
            options = ("--detach", "--force-recreate", "--wait", "--wait-timeout", str(self.wait))
            self._run(compose("up", *options, *self.readers))

    def replace_readers(self) -> None:
        """Replace the readers; if web is one, restart the release."""
        self._replace(self.readers)

    def _replace(self, names: list[str]) -> None:
        if "web" in names:
            self.restart()
        else:
            replace(names, self.steps, wait=self.wait)

    def _accept_next_in_server(self) -> None:
        self.passwords.add()
        self.passwords.replace_servers()

    def _replace_all_readers(self) -> None:
        """Replace all readers, also those outside of the release: with the previous secret they would be rejected."""
        self.replace_readers()
        if others := self.passwords.readers_with_another(self.name):
            options = ("--detach", "--no-deps", "--force-recreate", "--wait", "--wait-timeout", str(self.wait))
            self._run(compose("up", *options, *others))

    # The way back, or forward.

    def bring_back_what_runs(self) -> None:
        """Start the services again that a step was replacing, with the current secret."""
        if not self.files.has_lines:
            # Docker continues to stop containers. If web is a reader, the restart starts all of them.
            begun = [] if "web" in self.readers else self.readers
            self._replace(list(dict.fromkeys([*begun, *self._services_with_another_secret()])))
        if self.has_list:
            self.passwords.accept_only_current()
        start_what_is_down(self.services, self.steps, has_image=has_image)

    def _services_with_another_secret(self) -> list[str]:
        """Return the services that started with another file in secrets/."""
        found = []
        for service in running(self.steps):
            for container in self.steps.output(compose("ps", "--quiet", service)).split():
                mounts = "{{range .Mounts}}{{.Destination}} {{end}}"
                shown = attempt(["docker", "inspect", "--format", mounts, container]).stdout
                if f"/run/secrets/{self.name} " in shown and not self.passwords.shows(container, self.name):
                    found.append(service)
        return found
