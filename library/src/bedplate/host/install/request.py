"""The request of an install."""

import os
import sys
from dataclasses import dataclass, field

from bedplate.host.configuration import env_file
from bedplate.host.configuration.environment import Environment
from bedplate.host.errors import AbortError

QUESTIONS = {
    "DOMAIN": ("--domain", "Domain of the site, such as www.example.com"),
    "ADMIN_EMAIL": ("--admin-email", "Your e-mail address: for the first user, and for mail about errors"),
}


@dataclass(kw_only=True)
class Request:
    """The environment, the values of options, and the project's name and port."""

    environment: Environment
    values: dict[str, str] = field(default_factory=dict)
    """Variables of `.env` from options or answers."""
    port_option: str = ""
    new_database: bool = False

    @property
    def command(self) -> str:
        """The command that continues the install."""
        return "./install_docker.sh" + (f" --environment {self.environment.name}" if self.environment.is_server else "")

    @property
    def project(self) -> str:
        """COMPOSE_PROJECT_NAME."""
        return env_file.configured("COMPOSE_PROJECT_NAME")

    @property
    def port(self) -> str:
        """The port of HTTP."""
        is_new_server = self.environment.is_server and not env_file.FILE.exists()
        default = "80" if is_new_server and not os.environ.get("HTTP_PORT") else env_file.configured("HTTP_PORT")
        return self.port_option or default

    def pending_value(self, name: str) -> str:
        """Return the future value in `.env`."""
        return self.values.get(name) or env_file.configured(name)

    def ask(self) -> None:
        """Ask for the missing values of a new server. Raise AbortError without a terminal."""
        if not self.environment.is_server or env_file.FILE.exists():
            return
        for name, (option, question) in QUESTIONS.items():
            answer = self.values.get(name) or os.environ.get(name, "")
            if not answer and sys.stdin.isatty() and sys.stdout.isatty():
                try:
                    answer = input(f"{question}: ")
                except EOFError:
                    answer = ""
            if not answer:
                hint = f"Give it: {self.command} --domain www.example.com --admin-email you@example.com"
                raise AbortError(f"a server needs {option}.", hint)
            self.values[name] = answer
