"""PostgreSQL: the application's role, which owns its databases but is not a superuser; and the server's secret."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bedplate.host import ROOT
from bedplate.host.commands.docker import compose
from bedplate.host.configuration.services import database_server, database_services
from bedplate.host.steps import Steps

ROLES = ROOT / "library/postgres/roles.sh"
USER = "999:999"  # of the image


def limit_database_role(services: Mapping[str, Any], steps: Steps) -> None:
    """Reduce the application's role to the rights of an owner, if it is the superuser that the image created.

    A failure is noted; the site works as before, and the next install or deploy tries again.
    """
    for server in database_services(services):
        if steps.run(compose("exec", "--no-TTY", server, "bash", "-s"), check=False, given=str(ROLES)) != 0:
            steps.say(f"Note: PostgreSQL: not all was done. Its output is in {steps.log}")


def give_postgres_its_secret(file: Path, services: Mapping[str, Any], steps: Steps) -> None:
    """Give a file to PostgreSQL's user. Only root may do this: it runs as root in a container.

    A database elsewhere needs no file.
    """
    if server := database_server(services):
        options = ("--rm", "--no-deps", "--no-TTY", "--user", "0:0", "--cap-add", "CHOWN", "--entrypoint", "chown")
        steps.run(compose("run", *options, "--volume", f"{file}:/secret", server, USER, "/secret"))
