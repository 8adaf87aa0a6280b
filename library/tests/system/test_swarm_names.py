"""The stacks and the lock of several machines, in the swarm; names that are not too long; machines that are away."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from bedplate.host.errors import AbortError, HostError
from bedplate.host.steps import CommandError
from bedplate.host.swarm import machines, releases, versions

pytestmark = pytest.mark.usefixtures("dotenv")


def test_an_error_is_not_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a leader for a moment: not "nothing is deployed", without a backup and without a way back."""
    lost = "Error response from daemon: rpc error: code = Unknown desc = The swarm does not have a leader."
    monkeypatch.setattr(releases, "attempt", lambda command: subprocess.CompletedProcess(command, 1, "", lost))
    with pytest.raises(HostError):
        releases.find("old")


class Configs:
    """The swarm's configs, as far as the lock needs them."""

    def __init__(self) -> None:
        self.label: dict[str, str] = {}

    def attempt(self, command: list[str], **_: Any) -> "subprocess.CompletedProcess[str]":
        name = command[-1]
        if command[:3] == ["docker", "config", "rm"]:
            return subprocess.CompletedProcess(command, 0 if self.label.pop(name, None) else 1, "", "")
        if command[:3] == ["docker", "config", "inspect"] and name in self.label:
            return subprocess.CompletedProcess(command, 0, self.label[name], "")
        return subprocess.CompletedProcess(command, 1, "", "no such config")

    def create(self, *options: str, text: str) -> None:
        name = options[-1]
        if name in self.label:
            raise CommandError("exists")
        self.label[name] = text


def test_two_folders_of_one_machine_do_not_deploy_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each folder has a lock of its own: the machine's name does not say which one holds the swarm's."""
    configs = Configs()
    monkeypatch.setattr(releases, "attempt", configs.attempt)
    monkeypatch.setattr(releases, "output", lambda _command: "node\n")
    monkeypatch.setattr(releases, "_create", configs.create)
    with releases.locked():
        monkeypatch.setattr(releases, "ROOT", Path("/srv/another-checkout"))
        with pytest.raises(AbortError), releases.locked():
            pass


def test_two_long_names_do_not_share_their_stacks(dotenv: dict[str, str]) -> None:
    found = []
    for kind in ("production", "staging"):
        dotenv["COMPOSE_PROJECT_NAME"] = f"portal-of-customers-of-the-whole-company-{kind}"
        found.append(releases.name_of("v1"))
    assert found[0] != found[1]


def test_a_secret_with_a_long_name() -> None:
    assert len(versions.version_name("s" * 60, b"x", b"key")) <= 64


def test_a_secret_of_500_kb_is_refused_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Docker takes less than that."""
    monkeypatch.setattr(versions, "FOLDER", tmp_path)
    (tmp_path / "large").write_bytes(b"x" * 512000)
    with pytest.raises(AbortError):
        versions.check_sizes(["large"])


def test_a_machine_that_is_gone_does_not_forbid_deploys(monkeypatch: pytest.MonkeyPatch) -> None:
    """`docker node ls` lists it until `docker node rm`; one that is just joining has no version yet."""
    lines = [
        {"ID": "1", "Hostname": "one", "Status": "Ready", "Availability": "Active", "EngineVersion": "28.5"},
        {"ID": "2", "Hostname": "gone", "Status": "Down", "Availability": "Drain", "EngineVersion": "24.0"},
        {"ID": "3", "Hostname": "new", "Status": "Unknown", "Availability": "Active", "EngineVersion": ""},
    ]

    def answer(command: Any) -> "subprocess.CompletedProcess[str]":
        text = '{"LocalNodeState": "active", "ControlAvailable": true}'
        if command[1] == "node":
            text = "\n".join(map(json.dumps, lines))
        return subprocess.CompletedProcess(command, 0, text, "")

    monkeypatch.setattr(machines, "attempt", answer)
    monkeypatch.setattr(machines, "output", lambda command: answer(command).stdout)
    assert len(machines.check_swarm()) == 3
