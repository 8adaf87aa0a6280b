"""Rights and limits of the running containers."""

from typing import Any, Final

import pytest
from bedplate.testing.compose import Stack

from stack.hardening import PROMISES

pytestmark = pytest.mark.stack

SERVICES: Final = {"web", "nginx", "postgres", "valkey", "cache", "celery", "flower", "cron", "verifier", "npm_watch"}


@pytest.fixture(scope="module")
def containers(stack: Stack) -> dict[str, dict[str, Any]]:
    """Return Docker's description of each service's container."""
    return stack.containers()


def test_every_service_runs_and_is_healthy(containers: dict[str, dict[str, Any]]) -> None:
    """Every service of the stack runs, has a health check, and passes it."""
    health = {name: container["State"].get("Health", {}).get("Status") for name, container in containers.items()}
    assert health == dict.fromkeys(SERVICES, "healthy")


def test_only_nginx_publishes_a_port(stack: Stack, containers: dict[str, dict[str, Any]]) -> None:
    """Only nginx publishes a port, and on this machine alone."""
    published = {
        (name, binding["HostIp"], binding["HostPort"])
        for name, container in containers.items()
        for bindings in container["NetworkSettings"]["Ports"].values()
        for binding in bindings or []
    }
    assert published == {("nginx", "127.0.0.1", str(stack.port))}


@pytest.mark.parametrize("promise", PROMISES)
def test_every_container_is_hardened(containers: dict[str, dict[str, Any]], promise: str) -> None:
    """No container can do more to this machine than its service needs."""
    assert [name for name, container in containers.items() if not PROMISES[promise](container)] == []


def test_containers_run_as_numeric_users(stack: Stack, containers: dict[str, dict[str, Any]]) -> None:
    """Users are numbers: a service's own, or, where the checkout is mounted, the person who runs it."""
    person = f"{stack.dotenv['HOST_UID']}:{stack.dotenv['HOST_GID']}"
    users = {name: container["Config"]["User"] for name, container in containers.items()}
    assert users == {
        "nginx": "101:101",
        "postgres": "999:999",
        "valkey": "999:999",
        "cache": "999:999",
        "verifier": "999:999",
        **dict.fromkeys(("web", "celery", "flower", "cron", "npm_watch"), person),
    }


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_main_process_has_no_capabilities(stack: Stack, service: str) -> None:
    """The kernel enforces the configuration: no capability, no way to gain one, nothing writable."""
    status = stack.exec(service, "sh", "-c", "cat /proc/1/status; if touch /written; then echo writable; fi")
    values = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert (int(values["CapEff"], 16), int(values["CapBnd"], 16), values["NoNewPrivs"]) == (0, 0, "1")
    assert "writable" not in status


# Write 200 values of a megabyte, more than the service has memory for; print what was not accepted, then the
# number of values kept.
FILL: Final = """
valkey_cli() { valkey-cli --user cache --pass local --no-auth-warning -n 1 "$@"; }
head -c 1000000 /dev/zero >/tmp/value
for number in $(seq 200); do valkey_cli -x set "filling-$number" </tmp/value; done | grep -vx OK || true
valkey_cli --raw exists $(seq -f filling-%g 200)
rm /tmp/value
"""


def test_full_cache_makes_room(stack: Stack) -> None:
    """No write is refused, the service continues, and the queue, which must lose nothing, has separate memory.

    Valkey chooses the values to drop: of a sample, the least recently used one, in whole seconds.
    """
    policy = {name: stack.containers()[name]["Config"]["Cmd"][-1] for name in ("cache", "valkey")}
    assert "--maxmemory-policy allkeys-lru" in policy["cache"]
    assert "--maxmemory-policy noeviction" in policy["valkey"]
    try:
        kept = int(stack.exec("cache", "sh", "-ec", FILL).strip())  # no number, when a value was refused
        assert 50 <= kept < 200  # 128 MiB hold 134 at most
        state = stack.containers()["cache"]["State"]
        assert (state["OOMKilled"], state["Restarting"], state["Health"]["Status"]) == (False, False, "healthy")
        assert stack.valkey("valkey", "exists", *(f"filling-{number}" for number in range(1, 201))).strip() == "0"
    finally:
        stack.valkey("cache", "flushdb")
