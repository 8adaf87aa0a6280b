"""The web server of DEV and PROD: `python -m config.serve`. It exits with the reason if a variable is invalid."""

import os
from typing import NoReturn

from bedplate.django.logs import SERVER_LOGGING

from config.environment import Environment, read_environment_or_exit


def command(environment: Environment) -> list[str]:
    """Return the server's command line.

    There is one process for each core. Its threads wait for the database and other servers, each with its own database
    connection: the default is hundreds, more than PostgreSQL accepts. A killed process is replaced in its container.
    Why this server: decision 2 (docs/adr)
    """
    return [
        "granian",
        "--interface=wsgi",
        "--host=0.0.0.0",
        "--port=8000",
        f"--workers={environment.web_workers}",
        f"--blocking-threads={environment.web_threads}",
        "--respawn-failed-workers",
        f"--log-config={SERVER_LOGGING}",
        "config.wsgi:application",
    ]


def main() -> NoReturn:
    """Replace this process by the server."""
    arguments = command(read_environment_or_exit())
    os.execvp(arguments[0], arguments)


if __name__ == "__main__":
    main()
