"""The containers and the secrets of DEV and PROD: their rights, and who can read them."""

import json
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from bedplate.testing.server import Server
from fake_server import HASHES

from stack.hardening import PROMISES

pytestmark = pytest.mark.stack

SERVICES: Final = {"web", "nginx", "postgres", "valkey", "cache", "celery", "flower", "cron", "verifier"}


@pytest.fixture(scope="session")
def containers(server: Server) -> dict[str, dict[str, Any]]:
    """Return Docker's description of each service's container."""
    return server.containers()


def test_every_service_is_healthy(containers: dict[str, dict[str, Any]]) -> None:
    """Every service runs, has a health check, and passes it."""
    health = {name: container["State"].get("Health", {}).get("Status") for name, container in containers.items()}
    assert health == dict.fromkeys(SERVICES, "healthy")


@pytest.mark.parametrize("promise", PROMISES)
def test_every_container_is_hardened(containers: dict[str, dict[str, Any]], promise: str) -> None:
    """No container can do more to this machine than its service needs."""
    assert [name for name, container in containers.items() if not PROMISES[promise](container)] == []


def test_users_are_numbers(server: Server, containers: dict[str, dict[str, Any]]) -> None:
    """No user is root, or a name: databases run as themselves, all others as the owner of the secrets."""
    owner = (server.directory / "secrets/secret_key").stat()
    users = {name: container["Config"]["User"] for name, container in containers.items()}
    others = SERVICES - {"postgres", "valkey", "cache", "verifier"}
    assert users == {
        "postgres": "999:999",
        "valkey": "999:999",
        "cache": "999:999",
        "verifier": "999:999",
        **dict.fromkeys(others, f"{owner.st_uid}:{owner.st_gid}"),
    }
    assert owner.st_uid != 0


def test_only_nginx_publishes_ports(server: Server, containers: dict[str, dict[str, Any]]) -> None:
    """Only nginx publishes ports: two, at the requested address."""
    published = {
        (name, port, binding["HostIp"], binding["HostPort"])
        for name, container in containers.items()
        for port, bindings in container["NetworkSettings"]["Ports"].items()
        for binding in bindings or []
    }
    assert published == {
        ("nginx", "8080/tcp", "127.0.0.1", str(server.port)),
        ("nginx", "8443/tcp", "127.0.0.1", str(server.https_port)),
    }


def test_nothing_of_the_checkout_is_mounted(server: Server, containers: dict[str, dict[str, Any]]) -> None:
    """All code is in images: of this folder, containers see secrets alone, and each only those that it needs."""
    mounted = {
        name: {mount["Source"] for mount in container["Mounts"] if mount["Type"] == "bind"}
        for name, container in containers.items()
    }
    folder = str(server.directory / "secrets")
    assert all(source.startswith(f"{folder}/") for sources in mounted.values() for source in sources)
    assert mounted["postgres"] == {f"{folder}/postgres_server_password"}
    assert mounted["valkey"] == {f"{folder}/valkey_server_passwords"}
    assert mounted["cache"] == {f"{folder}/cache_server_passwords"}
    assert mounted["verifier"] == set()
    for of_cron in ("google_credentials", "backup_signing_key"):
        assert [name for name, sources in mounted.items() if f"{folder}/{of_cron}" in sources] == ["cron"]
    assert not [source for source in mounted["nginx"] if "dev_password" not in source]


# Of PROD: the services that write a volume, and those that only read it.
VOLUMES: Final[dict[str, tuple[set[str], set[str]]]] = {
    "uploads": ({"web", "celery", "cron"}, {"nginx"}),
    "backup_data": ({"cron"}, set()),
    "backups": ({"cron"}, set()),
    "postgres_data": ({"postgres"}, set()),
    "postgres_disk": (set(), {"cron"}),
    "valkey_data": ({"valkey"}, set()),
    "verifier_data": ({"verifier"}, set()),
    "verifier_socket": ({"cron", "verifier"}, set()),
    "certificates": ({"cron"}, {"nginx"}),
    "challenges": ({"cron"}, {"nginx"}),
    "nginx_state": ({"nginx"}, set()),
    "static_files": (set(), {"nginx"}),
}
OF_DEV: Final = {"caught_mail": ({"web", "celery", "cron"}, set[str]())}
COUNT_FILES: Final = "find /postgres_disk -mindepth 1 | wc -l"


def test_services_share_only_these_volumes(server: Server, containers: dict[str, dict[str, Any]]) -> None:
    """Each volume is in the services that need every file in it, and no other."""
    mounted: dict[str, tuple[set[str], set[str]]] = {}
    for name, container in containers.items():
        for mount in (mount for mount in container["Mounts"] if mount["Type"] == "volume"):
            writers, readers = mounted.setdefault(mount["Name"].removeprefix(f"{server.project}_"), (set(), set()))
            (writers if mount["RW"] else readers).add(name)
    assert mounted == VOLUMES | (OF_DEV if server.environment == "dev" else {})
    assert server.exec("cron", "sh", "-c", COUNT_FILES).strip() == "0"  # of PostgreSQL's disk, it sees nothing


def test_services_write_into_their_volumes(server: Server) -> None:
    """New volumes belong to root; whichever user an installation has may write there, and nowhere else below /data."""
    folders = {"web": ["uploads"], "celery": ["uploads"], "cron": ["uploads", "backup_data", "backups"], "flower": []}
    mail = ["mail"] if server.environment == "dev" else []
    for service, names in folders.items():
        asked = "cd /data; for folder in . *; do test -w $folder && echo $folder; done; true"
        expected = {*names, *(mail if names else [])}
        assert set(server.exec(service, "sh", "-c", asked).split()) == expected, service


def test_secrets_are_readable_by_their_owner_only(server: Server) -> None:
    """No secret is readable by others, or is in `.env`, in Docker's description, or in a container's environment."""
    folder = server.directory / "secrets"
    modes = {path.name: path.stat().st_mode & 0o777 for path in [folder, *folder.iterdir()]}
    assert modes.pop("secrets") == 0o700
    assert {name: mode for name, mode in modes.items() if mode != 0o600} == dict.fromkeys(HASHES, 0o644)
    values = [path.read_text().strip().rpartition("}")[2] for path in folder.iterdir() if path.stat().st_size]
    visible = json.dumps(server.containers()) + server.compose("config") + (server.directory / ".env").read_text()
    values += [urlsplit(server.secret(name)).password or "" for name in ("valkey_url", "cache_url")]
    assert len(values) >= 4
    assert not [value for value in values if value in visible]
