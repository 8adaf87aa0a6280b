"""The services of an environment, from the output of `docker compose config`."""

from collections.abc import Mapping
from typing import Any

from bedplate.host.configuration import env_file


def needed_by_web(services: Mapping[str, Any]) -> list[str]:
    """Return the services that the application waits for, except one-off services."""
    needed = services.get("web", {}).get("depends_on") or {}
    return [name for name, how in needed.items() if how.get("condition") != "service_completed_successfully"]


def database_services(services: Mapping[str, Any]) -> list[str]:
    """Return the services that are database servers: they have POSTGRES_USER, but no POSTGRES_HOST as clients do.

    The list is empty if the database is another owner's server: library/docs/how-to/managed-postgresql.md
    """
    return [
        name
        for name in needed_by_web(services)
        if "POSTGRES_USER" in (variables := services.get(name, {}).get("environment") or {})
        and "POSTGRES_HOST" not in variables
    ]


def database_server(services: Mapping[str, Any]) -> str | None:
    """Return the service that reads the database server's password, and that the application waits for."""
    readers = readers_of("postgres_server_password", services)
    return next((name for name in needed_by_web(services) if name in readers), None)


def readers_of(secret: str, services: Mapping[str, Any]) -> list[str]:
    """Return the services that read a secret."""
    return [name for name, service in services.items() if secret in secrets_of(service)]


def secrets_of(service: Mapping[str, Any]) -> list[str]:
    """Return the names of the secrets that a service reads."""
    return [secret["source"] for secret in service.get("secrets") or ()]


def made_elsewhere(services: Mapping[str, Any]) -> list[str]:
    """Return the services whose images are built elsewhere."""
    own = (image_prefix(), f"{env_file.get('COMPOSE_PROJECT_NAME')}-")
    return [name for name, image in images(services).items() if not image.startswith(own)]


def images(services: Mapping[str, Any]) -> dict[str, str]:
    """Return the image of each service; a built one without a name gets Compose's default."""
    project = env_file.get("COMPOSE_PROJECT_NAME")
    return {name: str(service.get("image") or f"{project}-{name}") for name, service in services.items()}


def image_prefix() -> str:
    """Return the prefix of the images that this project builds."""
    return f"{env_file.get('REGISTRY')}{env_file.get('COMPOSE_PROJECT_NAME')}-"


def pages(services: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the services with their own page, each with its label: `/flower/ (description)`."""
    found = ((name, (service.get("labels") or {}).get("bedplate.page")) for name, service in services.items())
    return [(name, page) for name, page in found if page]
