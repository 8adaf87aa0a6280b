"""bedplate.documentation reads the Compose files as Docker Compose does."""

import json
from pathlib import Path
from typing import Any

import pytest
from base_project import run
from bedplate.documentation.compose import Service, read
from bedplate.testing.checkout import ROOT


@pytest.mark.stack  # it needs Docker's client
@pytest.mark.parametrize("file", ["docker-compose.yml", "dev.yml", "prod.yml"])
def test_services_match_docker_compose(file: str, tmp_path: Path) -> None:
    """Networks, what a service waits for, volumes and ports, in every environment."""
    for name in (file, "services.yml", ".env.example"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / ".env.example").rename(tmp_path / ".env")
    (tmp_path / "no.env").touch()
    options = ("--file", file, "--profile", "*", "--env-file", "no.env")
    result = run("docker", "compose", *options, "config", "--format=json", folder=tmp_path, COMPOSE_PROJECT_NAME="shop")
    assert result.returncode == 0, result.stderr
    services = json.loads(result.stdout)["services"]
    ours = {service.name: facts(service) for service in read(tmp_path / file)}
    assert ours == {name: facts_of_compose(service) for name, service in services.items()}


def facts(service: Service) -> list[Any]:
    """Return the facts that the picture shows, without their order."""
    mounts = sorted((mount.volume, mount.read_only) for mount in service.mounts)
    return [sorted(service.networks), sorted(service.waits_for), mounts, service.ports]


def facts_of_compose(service: dict[str, Any]) -> list[Any]:
    """Return the same facts from Docker Compose's configuration."""
    volumes = [volume for volume in service.get("volumes", []) if volume["type"] == "volume"]
    mounts = sorted((volume["source"], volume.get("read_only", False)) for volume in volumes)
    ports = [f"{port.get('host_ip', '')}:{port['published']}" for port in service.get("ports", [])]
    networks, waits_for = (sorted(service.get(key) or []) for key in ("networks", "depends_on"))
    return [networks, waits_for, mounts, [port.removeprefix("0.0.0.0:") for port in ports]]
