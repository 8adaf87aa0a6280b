"""What a swarm needs outside of it: PostgreSQL, Valkey for the queue, Valkey for the cache."""

from collections.abc import Mapping

from bedplate.host.configuration import env_file
from bedplate.host.configuration.secret_list import FOLDER, Secret
from bedplate.host.errors import AbortError
from bedplate.host.password_lists import host_in, is_ours
from bedplate.host.programs import services
from bedplate.host.swarm.machines import HOW_TO
from bedplate.host.swarm.rendering import split


def check_services(secrets: Mapping[str, Secret]) -> None:
    """Raise AbortError if an address is missing, or that of a service which does not run on several machines."""
    if problems := missing(secrets):
        raise AbortError(f"several machines need what is outside of them ({HOW_TO}):", *problems)


def missing(secrets: Mapping[str, Secret]) -> list[str]:
    """Return a line for each address that is missing, or that of a service which does not run on several machines."""
    found = services()
    deployed, _volumes = split(found)
    variables = (found.get("web") or {}).get("environment") or {}
    problems = []
    if not (host := variables.get("POSTGRES_HOST")):
        problems.append("POSTGRES_HOST in .env is empty: the database's host, or several: a.example.com,b.example.com")
    elif host in found and host not in deployed:
        problems.append(f"POSTGRES_HOST={host} in .env is a service of one machine: the database's host is needed")
    if not (env_file.get("MEDIA_URL") or env_file.get("SHARED_DATA")):
        problems.append("MEDIA_URL in .env is empty: a bucket for uploads; or a folder of all machines in SHARED_DATA")
    if env_file.get("ACME_SERVER") != "off":
        problems.append("ACME_SERVER=off in .env: TLS for visitors ends at the balancer, whose certificate it is")
    for name, secret in secrets.items():
        address = (FOLDER / name).read_text(errors="replace").strip() if (FOLDER / name).exists() else ""
        if secret.form and is_ours(address or secret.form, secret.form) and host_in(secret.form) not in deployed:
            problems.append(f"secrets/{name} is the address of a service of one machine: rediss://USER:PASSWORD@HOST")
    return problems


def host_is_gone(form: str) -> bool:
    """Return whether a URL of this form names a service which does not run on several machines."""
    if not form:  # no URL
        return False
    deployed, _volumes = split(services())
    return host_in(form) not in deployed
