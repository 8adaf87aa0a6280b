"""`./bedplate` on several machines: killed, failing, in another folder, with a fake swarm (fake_docker/swarm.py)."""

import json
import shutil
import subprocess
from typing import Any

import pytest
from bedplate.testing.checkout import ROOT
from fake_machine import FakeMachine
from test_deploy_checks import deploy, write_dotenv

FILES = "prod.yml:swarm.yml"


@pytest.fixture
def manager(machine: FakeMachine) -> FakeMachine:
    """Return the folder of a project on a manager; nothing is deployed."""
    write_dotenv(
        machine,
        COMPOSE_FILE=FILES,
        REGISTRY="registry:5000/",
        BACKUP_URL="gs://bucket",
        RELEASE="latest",
        ACME_SERVER="off",
        SHARED_DATA="/mnt/shared",
    )
    shutil.copy(ROOT / "library/tests/system/fake_docker/swarm.py", machine.commands / "swarm.py")
    machine.command("docker", f'exec python3 {machine.commands}/swarm.py "$@"')
    return machine


def state(machine: FakeMachine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((machine.commands / "state.json").read_text())
    return found


def release(machine: FakeMachine) -> str:
    labels: dict[str, str] = state(machine)["services"]["shop_web"]["deploy"]["labels"]
    return labels["bedplate.release"]


def fail(machine: FakeMachine, pattern: str, said: str) -> None:
    (machine.commands / "fails").write_text(f"{pattern}\t{said}\n")


def in_dotenv(machine: FakeMachine, name: str) -> str:
    lines = (machine.checkout / ".env").read_text().splitlines()
    return next(line.partition("=")[2] for line in reversed(lines) if line.startswith(f"{name}="))


def deployed(machine: FakeMachine, *tags: str) -> None:
    for tag in tags:
        done = deploy(machine, "--pull", tag, "--no-backup")
        assert done.returncode == 0, done.stdout + done.stderr
    assert release(machine) == tags[-1]


def test_the_fake_swarm_deploys(manager: FakeMachine) -> None:
    deployed(manager, "one", "two")
    assert in_dotenv(manager, "RELEASE") == "two"


@pytest.mark.parametrize("options", [("--restart",), ("--pull", "four", "--no-backup")])
def test_a_folder_with_an_older_env_is_refused(manager: FakeMachine, options: tuple[str, ...]) -> None:
    """Copied to another manager before two deploys and a rotation, as the how-to says: "copy that folder there"."""
    deployed(manager, "one")
    copies = {name: (manager.checkout / name).read_text() for name in (".env", "secrets/postgres_password")}
    (manager.checkout / "secrets/postgres_password").write_text("another-password-of-32-characters")
    deployed(manager, "two", "three")
    before = state(manager)
    for name, text in copies.items():
        (manager.checkout / name).write_text(text)
    done = deploy(manager, *options)
    after = state(manager)
    lost = sorted(set(before["configs"]) - set(after["configs"]))
    secret = {each["services"]["shop_web"]["secrets"][0]["source"] for each in (before, after)}
    password = [name for name in after["secrets"] if name not in before["secrets"]]
    assert done.returncode == 1, f"{release(manager)} runs instead of three; forgotten: {lost}; {secret} {password}"


def test_without_a_leader_for_a_moment(manager: FakeMachine) -> None:
    """The answer to one question is missing: no backup, no way back."""
    deployed(manager, "one")
    said = "Error response from daemon: rpc error: code = Unknown desc = The swarm does not have a leader."
    fail(manager, "config inspect --format {{json .Spec.Data}} shop_stack_*", said)
    done = deploy(manager, "--pull", "two")
    assert done.returncode == 1, done.stdout
    assert release(manager) == "one", done.stdout


def test_an_unknown_release_is_not_the_first(manager: FakeMachine) -> None:
    """The stack's config is gone, but services run: a failed deploy must not leave them half replaced."""
    deployed(manager, "one")
    found = state(manager)
    found["configs"] = {}
    (manager.commands / "state.json").write_text(json.dumps(found))
    done = deploy(manager, "--pull", "two")
    assert "Now          nothing" not in done.stdout, done.stdout


def test_a_failure_at_the_very_end(manager: FakeMachine) -> None:
    deployed(manager, "one")
    fail(manager, "config ls*", "The swarm does not have a leader.")
    done = deploy(manager, "--pull", "two", "--no-backup")
    assert release(manager) == in_dotenv(manager, "RELEASE"), done.stderr


def test_ctrl_c_at_the_very_end(manager: FakeMachine) -> None:
    """While old stacks are forgotten, .env names the new release."""
    deployed(manager, "one")
    docker = manager.commands / "docker"
    docker.rename(manager.commands / "docker-itself")
    stop = 'kill -INT "$PPID"; sleep 2'
    manager.command("docker", f'[[ $* != "config ls"* ]] || {{ {stop}; }}\nexec {manager.commands}/docker-itself "$@"')
    process = subprocess.Popen(
        [manager.checkout / "bedplate", "deploy", "--pull", "two", "--no-backup", "--yes"],
        env=manager.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _out, said = process.communicate(timeout=60)
    assert release(manager) == in_dotenv(manager, "RELEASE"), said


@pytest.mark.parametrize(
    ("own", "what"),
    [
        ({"image": "redis:8", "networks": {"default": None}, "secrets": [{"source": "theirs"}]}, "an external secret"),
        ({"image": "redis:8", "network_mode": "host"}, "the machine's network"),
        ({"build": {"context": "x"}, "networks": {"default": None}}, "a build without a name"),
        ({"image": "redis:8", "networks": {"default": None}, "ports": [{"target": 80}]}, "any port"),
    ],
)
def test_a_service_of_the_team(manager: FakeMachine, own: dict[str, Any], what: str) -> None:
    (manager.commands / "more.json").write_text(json.dumps({"own": own}))
    done = deploy(manager, "--pull", "one", "--no-backup")
    assert "an unexpected error" not in done.stderr, f"{what}: {done.stderr}"


def test_a_killed_deploy_and_then_a_failed_one(manager: FakeMachine) -> None:
    """The first one replaced web; the second one cannot migrate, and says that it went back to what .env names."""
    deployed(manager, "one")
    docker = manager.commands / "docker"
    docker.rename(manager.commands / "docker-itself")
    # Killed while it waits for the services: .env names the release before.
    kill = 'kill -KILL "$PPID"; exit 1'
    manager.command(
        "docker",
        f'[[ $* != "inspect --type service shop_web shop_celery"* ]] || {{ {kill}; }}\nexec {docker}-itself "$@"',
    )
    deploy(manager, "--pull", "two", "--no-backup")
    (manager.commands / "docker-itself").replace(docker)
    assert (release(manager), in_dotenv(manager, "RELEASE")) == ("two", "one")
    fail(manager, "pull*", "manifest unknown")
    (manager.commands / "fails").write_text("stack deploy*\tThe swarm refuses the job.\n")
    done = deploy(manager, "--pull", "three", "--no-backup")
    assert "Going back to the release one … done." not in done.stderr or release(manager) == "one", done.stderr


def call(machine: FakeMachine, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        words, cwd=machine.checkout, env=machine.environment(), stdin=subprocess.DEVNULL, capture_output=True,
        check=False, text=True, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("action", ["renew", "install"])
def test_a_certificate(manager: FakeMachine, action: str) -> None:
    """The how-to: "install your certificate on each machine"."""
    deployed(manager, "one")
    done = call(manager, "./bedplate", "certificates", action)
    assert "docker compose up" not in done.stderr, done.stderr


def test_a_restore_waits_for_a_deploy_elsewhere(manager: FakeMachine) -> None:
    deployed(manager, "one")
    found = state(manager)
    found["configs"]["shop_deploy_runs"] = {"data": "", "labels": {"bedplate.deploy": "two (node2) since noon"}}
    (manager.commands / "state.json").write_text(json.dumps(found))
    (manager.commands / "calls").unlink()
    done = call(manager, "./google_storage.sh", "-r", "latest", "--yes-replace", "prod")
    calls = [line for line in manager.calls() if line.startswith("stack deploy")]
    assert not calls, f"it ran: {calls} {done.returncode} {done.stdout}{done.stderr}"


def test_a_lock_that_cannot_be_written(manager: FakeMachine) -> None:
    """Without a leader, it is not another deploy."""
    deployed(manager, "one")
    fail(manager, "config create*", "The swarm does not have a leader.")
    done = deploy(manager, "--pull", "two", "--no-backup")
    assert "another deploy of this project has just begun" not in done.stderr, done.stderr


def test_an_address_elsewhere_is_not_made_here(manager: FakeMachine) -> None:
    """`rotate-secret valkey_url` without --from: refused before, not by the deploy in its middle."""
    (manager.checkout / "secrets/valkey_url").write_text(
        "rediss://u:a-password-of-the-provider@queue.example.com:6379\n"
    )
    deployed(manager, "one")
    done = call(manager, "./bedplate", "rotate-secret", "valkey_url", "--yes")
    log = (manager.checkout / "rotate_secret.log").exists()
    assert not log, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
