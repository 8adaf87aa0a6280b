"""The web server of DEV and PROD: `python -m config.serve`. An unusable configuration ends it, with the reason."""

import os
from typing import NoReturn

from bedplate.django.logs import SERVER_LOGGING

from config.environment import Environment, read_environment_or_exit


def command(environment: Environment) -> list[str]:
    """Return the server's command line.

    A process for each core makes pages; its threads wait for the database and others, each with a connection of its
    own: without the option hundreds, more than PostgreSQL takes. A killed process is replaced, the container stays.
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
    """Become the server."""
    arguments = command(read_environment_or_exit())
    os.execvp(arguments[0], arguments)


if __name__ == "__main__":
    main()
