"""The servers to compare, and the Compose file in which each has a separate nginx."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
PROJECT: Final = "bedplate-benchmark"
WEB_IMAGE: Final = f"{PROJECT}-web"
HTTPS: Final = "nginx-https"
DOMAIN: Final = "www.example.com"
GUNICORN_IMAGE: Final = f"{PROJECT}-gunicorn"


@dataclass(frozen=True)
class Server:
    """A way to run the application; without a command of its own, the one that the image ships."""

    name: str
    title: str
    command: str = ""

    @property
    def web(self) -> str:
        """Name of the service that runs it."""
        return f"web-{self.name}"

    @property
    def nginx(self) -> str:
        """Name of the nginx service in front of it."""
        return f"nginx-{self.name}"


SHIPPED: Final = Server("shipped", "shipped")
BASELINE: Final = Server(
    "baseline",
    "gunicorn, 1 sync worker",
    "gunicorn --bind 0.0.0.0:8000 --workers 1 --worker-class sync config.wsgi:application",
)


def candidates(commands: Sequence[str]) -> list[Server]:
    """Return a server for each additional command line."""
    return [Server(f"candidate-{number}", command, command) for number, command in enumerate(commands, start=1)]


def compose_file(servers: Sequence[Server]) -> dict[str, Any]:
    """Return the Compose file: the project's services with their settings, and web and nginx once for each server.

    Each pair has a separate network, where the application is called `web`: the name that the shipped nginx looks for.
    """
    services: dict[str, Any] = {
        "postgres": extend("postgres") | {"environment": {"POSTGRES_PASSWORD": "${POSTGRES_PASSWORD}"}},
        "valkey": extend("valkey") | {"environment": {"PASSWORDS": ">local"}},
        "cache": extend("cache") | {"environment": {"PASSWORDS": ">local"}},
        "gunicorn": {
            "image": GUNICORN_IMAGE,
            "build": {"context": str(HERE / "gunicorn"), "args": {"PRODUCTION_IMAGE": WEB_IMAGE}},
        },
        "load": {"build": str(HERE / "load"), "init": True, "networks": [server.name for server in servers]},
    }
    for server in servers:
        services[server.web] = web(server)
        services[server.nginx] = nginx(server, ENTRY="local", DIST="built", HOSTS="localhost")
    services[HTTPS] = nginx(SHIPPED, DOMAIN=DOMAIN, HOSTS=DOMAIN, HTTPS_PORT="443")
    services[HTTPS]["networks"] = {SHIPPED.name: {"aliases": [DOMAIN]}}
    return {
        "services": services,
        "volumes": dict.fromkeys(
            ["postgres_data", "valkey_data", "uploads", "nginx_state", "static_files", "certificates"]
        ),
        "networks": dict.fromkeys(["default", *(server.name for server in servers)]),
    }


def web(server: Server) -> dict[str, Any]:
    """Return the service: the production image, started by the server's command, with the benchmark's page added."""
    own = {"image": GUNICORN_IMAGE, "command": server.command.replace("$", "$$")} if server.command else {}
    return extend("web") | own | {
        "environment": {
            "PYTHONPATH": "/benchmark",
            "DJANGO_SETTINGS_MODULE": "one_query_page.settings",
            "VALKEY_URL": "redis://queue:local@valkey:6379",
            "CACHE_URL": "redis://cache:local@cache:6379",
        },
        "volumes": [f"{HERE / 'app'}:/benchmark:ro"],
        "networks": {"default": None, server.name: {"aliases": ["web"]}},
    }  # fmt: skip


def nginx(server: Server, **variables: str) -> dict[str, Any]:
    """Return the service: the shipped nginx, with the static files that the shipped application has published."""
    return extend("nginx") | {
        "environment": variables,
        "networks": [server.name],
        "volumes": ["static_files:/srv/static:ro", "certificates:/certificates"],
    }


def extend(service: str) -> dict[str, Any]:
    """Return a service as the project defines it."""
    return {"extends": {"file": "services.yml", "service": service}}
