"""The site on three machines, for all tests of this folder, and load on it."""

from collections.abc import Iterator

import pytest
from documents import commands_of

from stack.swarm.site import FOLDER, HOW_TO, Site, site
from stack.traffic import Traffic


@pytest.fixture(scope="package")
def swarm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Yield the site on three machines, installed as the how-to says."""
    with site(tmp_path_factory.mktemp("swarm")) as found:
        install(found)
        (command,) = commands_of(HOW_TO, section="Deploy")
        result = found.bedplate("bash", "-ec", f"{command.strip()} --pull first")  # the images are built beside it
        assert result.returncode == 0, f"{result.stdout}\n{result.stderr}\n{found.log}"
        yield found


def install(found: Site) -> None:
    """Make the first machine a manager, let the others join, and fill in `.env`."""
    first = found.machines.first
    first.docker("swarm", "init", "--default-addr-pool", "10.201.0.0/16")
    (command,) = commands_of(HOW_TO, section="The first machine")
    result = found.bedplate("env", f"COMPOSE_PROJECT_NAME={found.project}", "bash", "-ec", command)
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    assert "POSTGRES_HOST in .env" in result.stdout  # what is missing is listed
    join = next(line.split() for line in result.stdout.splitlines() if "docker swarm join" in line)
    for machine in found.machines.all[1:]:
        machine.run(*join)
    refused = found.bedplate("./bedplate", "deploy", "--pull", "first", "--yes")
    assert (refused.returncode, "REGISTRY in .env is empty" in refused.stderr) == (1, True), refused.stderr
    balancer = f"TRUSTED_PROXIES={first.address.rpartition('.')[0]}.0/24"
    lines = "\n".join([*(f"{name}={value}" for name, value in found.variables.items()), balancer])
    first.run("bash", "-ec", f"printf '%s\\n' '{lines}' >>.env", folder=FOLDER)


@pytest.fixture
def traffic(swarm: Site) -> Iterator[Traffic]:
    """Yield load through the balancer during the test."""
    with Traffic(swarm, clients=3).running() as load:
        yield load
