"""The Compose files, as bedplate.documentation reads them, are what Docker Compose reads."""

import json
from pathlib import Path
from typing import Any

import pytest
from base_project import run
from bedplate.documentation.compose import Service, read
from bedplate.testing.checkout import ROOT


@pytest.mark.stack  # it needs Docker's client
@pytest.mark.parametrize("file", ["docker-compose.yml", "dev.yml", "prod.yml"])
def test_services_are_those_of_compose(file: str, tmp_path: Path) -> None:
    """Networks, what a service waits for, volumes and ports, in every environment."""
    for name in (file, "services.yml", ".env.example"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / ".env.example").rename(tmp_path / ".env")
    (tmp_path / "no.env").touch()
    options = ("--file", file, "--profile", "*", "--env-file", "no.env")
    told = run("docker", "compose", *options, "config", "--format=json", folder=tmp_path, COMPOSE_PROJECT_NAME="shop")
    assert told.returncode == 0, told.stderr
    services = json.loads(told.stdout)["services"]
    ours = {service.name: facts(service) for service in read(tmp_path / file)}
    assert ours == {name: facts_of_compose(service) for name, service in services.items()}


def facts(service: Service) -> list[Any]:
    """Return what the picture shows, in an order that does not matter."""
    mounts = sorted((mount.volume, mount.read_only) for mount in service.mounts)
    return [sorted(service.networks), sorted(service.waits_for), mounts, service.ports]


def facts_of_compose(service: dict[str, Any]) -> list[Any]:
    """Return the same of what Docker Compose tells."""
    volumes = [volume for volume in service.get("volumes", []) if volume["type"] == "volume"]
    mounts = sorted((volume["source"], volume.get("read_only", False)) for volume in volumes)
    ports = [f"{port.get('host_ip', '')}:{port['published']}" for port in service.get("ports", [])]
    networks, waits_for = (sorted(service.get(key) or []) for key in ("networks", "depends_on"))
    return [networks, waits_for, mounts, [port.removeprefix("0.0.0.0:") for port in ports]]
