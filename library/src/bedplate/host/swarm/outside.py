"""What a swarm needs outside of it: PostgreSQL, Valkey for the queue, Valkey for the cache."""

from collections.abc import Mapping

from bedplate.host.configuration.secret_list import FOLDER, Secret
from bedplate.host.errors import AbortError
from bedplate.host.password_lists import is_ours
from bedplate.host.programs import services
from bedplate.host.swarm.machines import HOW_TO
from bedplate.host.swarm.rendering import split


def check_services(secrets: Mapping[str, Secret]) -> None:
    """Raise AbortError if an address is missing, or that of a service which does not run on several machines."""
    if problems := missing(secrets):
        raise AbortError(f"PostgreSQL and Valkey are outside of the swarm ({HOW_TO}):", *problems)


def missing(secrets: Mapping[str, Secret]) -> list[str]:
    """Return a line for each address that is missing, or that of a service which does not run on several machines."""
    web = services().get("web") or {}
    problems = []
    if not (web.get("environment") or {}).get("POSTGRES_HOST"):
        problems.append("POSTGRES_HOST in .env is empty: the database's host, or several: a.example.com,b.example.com")
    for name, secret in secrets.items():
        address = (FOLDER / name).read_text(errors="replace").strip() if (FOLDER / name).exists() else ""
        if secret.form and is_ours(address or secret.form, secret.form) and _host_is_gone(secret.form):
            problems.append(f"secrets/{name} is the address of a service of one machine: rediss://USER:PASSWORD@HOST")
    return problems


def _host_is_gone(form: str) -> bool:
    host = form.rpartition("@")[2].partition(":")[0]
    deployed, _volumes = split(services())
    return host not in deployed
