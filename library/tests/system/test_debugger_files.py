"""The files of editors and of the debugger, and the packages that no server's image has."""

import json
import re
from typing import Any, Final

import pytest
import yaml
from bedplate.testing.checkout import ROOT

DEVELOPMENT: Final = ("debugpy", "django-debug-toolbar")
FILE: Final = ROOT / "library/debugger.yml"


@pytest.mark.parametrize("requirements", ["requirements.txt", "requirements-cron.txt"])
def test_the_packages_are_not_in_the_images_of_servers(requirements: str) -> None:
    locked = re.findall(r"^([\w-]+)==", (ROOT / "web" / requirements).read_text(), re.MULTILINE)
    assert "django" in locked
    assert [name for name in DEVELOPMENT if name in locked] == []


def test_the_images_of_servers_have_those_packages_only() -> None:
    stages = re.split(r"^FROM ", (ROOT / "web/Dockerfile").read_text(), flags=re.MULTILINE)
    with_tools = {re.findall(r"AS ([\w-]+)", stage)[0] for stage in stages if "development-dependencies" in stage}
    assert with_tools == {"development-dependencies", "local", "cron-local"}


def test_the_debugger_is_for_this_machine_only() -> None:
    services: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
    assert sorted(services) == ["celery", "web"]
    assert [
        port for service in services.values() for port in service["ports"] if not port.startswith("127.0.0.1:")
    ] == []
    for name in ("services.yml", "docker-compose.yml", "dev.yml", "prod.yml"):
        assert not re.search(r"debugger( |\.yml:)|debugpy|5678", (ROOT / name).read_text())


def test_the_editor_finds_the_files_of_the_containers() -> None:
    local = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    mounted = {volume.split(":")[0].removeprefix("."): volume.split(":")[1] for volume in local["x-local"]["volumes"]}
    published = {
        re.findall(r":-(\d+)}", port)[0]
        for service in yaml.safe_load(FILE.read_text())["services"].values()
        for port in service["ports"]
    }
    launch = json.loads((ROOT / ".vscode/launch.json").read_text())["configurations"]
    for configuration in launch:
        mapped = {
            entry["localRoot"].removeprefix("${workspaceFolder}"): entry["remoteRoot"]
            for entry in configuration["pathMappings"]
        }
        assert mapped == mounted
    assert {str(configuration["connect"]["port"]) for configuration in launch} == published


def test_the_development_container_forwards_the_ports_of_the_site_and_the_debugger() -> None:
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    launch = json.loads((ROOT / ".vscode/launch.json").read_text())["configurations"]
    options = container["postCreateCommand"].split()
    assert options[0] == "./install_docker.sh"
    site = int(options[options.index("--port") + 1])
    assert container["forwardPorts"] == [site, *(configuration["connect"]["port"] for configuration in launch)]
