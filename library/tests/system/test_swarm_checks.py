"""`./bedplate deploy` on several machines: refusals before anything is changed."""

import json
from typing import Final

import pytest
from bedplate.host.swarm import outside
from fake_machine import FakeMachine
from test_deploy_checks import assert_refuses, deploy, write_dotenv

MANAGER: Final = {"LocalNodeState": "active", "ControlAvailable": True}
WORKER: Final = {"LocalNodeState": "active", "ControlAvailable": False, "RemoteManagers": [{"Addr": "192.0.2.1:2377"}]}
OUTSIDE: Final = {
    "POSTGRES_HOST": "db.example.com",
    "REGISTRY": "registry.example.com/",
    "ACME_SERVER": "off",
    "SHARED_DATA": "/mnt/shared",
}
CONFIG: Final = (
    "services:\\n  web:\\n    image: registry.example.com/shop-web:latest\\n    environment:\\n      {}\\n%SECRETS%"
)

AS_JSON: Final = json.dumps({"services": {"web": {"image": "registry.example.com/shop-web:latest"}}})


def node(name: str, **changes: str) -> str:
    """Return a line of `docker node ls`."""
    usual = {"ID": name, "Hostname": name, "Status": "Ready", "Availability": "Active", "EngineVersion": "28.5.2"}
    return json.dumps({**usual, **changes})


@pytest.fixture
def manager(machine: FakeMachine) -> FakeMachine:
    """Return a manager of a swarm in which all is well, with all addresses but those of Valkey."""
    write_dotenv(machine, COMPOSE_FILE="prod.yml:swarm.yml", **OUTSIDE)
    machine.answer("compose config", CONFIG.format("POSTGRES_HOST: db.example.com"))
    machine.answer("compose config --format json", AS_JSON)
    machine.answer("info --format {{json .Swarm}}", json.dumps(MANAGER))
    machine.answer("node ls *", node("one"))
    for name in ("valkey_url", "cache_url"):
        (machine.checkout / "secrets" / name).write_text(f"redis://:a-password@{name[:5]}.example.com:6379\n")
    return machine


@pytest.mark.parametrize(
    ("swarm", "said"),
    [
        (WORKER, ("this machine is a worker of the swarm", "Run this on a manager: 192.0.2.1:2377")),
        ({"LocalNodeState": "inactive"}, ("this machine is in no swarm", "docker swarm init")),
        ({"LocalNodeState": "pending"}, ("not connected with it (pending)",)),
    ],
)
def test_a_machine_that_is_no_manager(manager: FakeMachine, swarm: object, said: tuple[str, ...]) -> None:
    manager.answer("info --format {{json .Swarm}}", json.dumps(swarm))
    assert_refuses(manager, *said)


def test_most_managers_are_away(manager: FakeMachine) -> None:
    manager.answer("node ls *", "Error response from daemon: rpc error: The swarm does not have a leader.", status=1)
    assert_refuses(manager, "most managers of the swarm are away: the site goes on, but nothing can be changed")


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ((node("one"), node("two", EngineVersion="24.0.9")), "two has Docker Engine 24.0.9: swarm.yml needs 25"),
        (
            (node("one", Availability="Drain"), node("two", Status="Down")),
            "no machine of the swarm is ready and takes tasks",
        ),
    ],
)
def test_machines_that_take_nothing(manager: FakeMachine, nodes: tuple[str, ...], said: str) -> None:
    manager.answer("node ls *", "\\n".join(nodes))
    assert_refuses(manager, said)


def test_no_registry(manager: FakeMachine) -> None:
    write_dotenv(manager, COMPOSE_FILE="prod.yml:swarm.yml", **OUTSIDE | {"REGISTRY": ""})
    assert_refuses(manager, "REGISTRY in .env is empty", "REGISTRY=registry.example.com/team/")


def test_a_secret_that_a_swarm_does_not_take(manager: FakeMachine) -> None:
    (manager.checkout / "secrets/google_credentials").write_text("x" * 600_000)
    assert_refuses(manager, "secrets/google_credentials has 585 kB: a swarm takes less than 500 kB")


def test_addresses_that_are_missing(manager: FakeMachine) -> None:
    """All of them are listed at once."""
    write_dotenv(manager, COMPOSE_FILE="prod.yml:swarm.yml", REGISTRY="registry.example.com/")
    manager.answer("compose config", CONFIG.format("POSTGRES_HOST: ''"))
    (manager.checkout / "secrets/cache_url").unlink()
    said = "secrets/cache_url is the address of a service of one machine"
    others = ("POSTGRES_HOST in .env is empty", "MEDIA_URL in .env is empty", "ACME_SERVER=off in .env")
    assert_refuses(manager, said, *others)


def test_nothing_to_go_back_to(manager: FakeMachine) -> None:
    manager.answer("config inspect *", "Error response from daemon: config shop not found", status=1)
    result = deploy(manager, "--rollback")
    assert (result.returncode, "there is nothing to go back to" in result.stderr) == (1, True), result.stderr


def test_the_host_of_a_service_that_is_not_deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    """POSTGRES_HOST=postgres."""
    web = {"environment": {"POSTGRES_HOST": "postgres"}}
    monkeypatch.setattr(outside, "services", lambda: {"web": web, "postgres": {"deploy": {"replicas": "0"}}})
    assert outside.missing({})
    assert outside.host_is_gone("postgres://app@postgres/app")
    assert not outside.host_is_gone("")  # of secret_key: no address
