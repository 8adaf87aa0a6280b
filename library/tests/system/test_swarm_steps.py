"""A deploy to several machines, its waiting and its way back, and hints that fit several machines."""

import argparse
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from bedplate.host.cli import deploy_swarm, install_swarm, rotate_secret
from bedplate.host.configuration import env_file
from bedplate.host.configuration.environment import Environment
from bedplate.host.deploy.release import Deployment
from bedplate.host.errors import HostError
from bedplate.host.steps import StepError, Steps
from bedplate.host.swarm import machines, one_off, releases, sequence, tasks

pytestmark = pytest.mark.usefixtures("dotenv")


def deployment(**changes: Any) -> Deployment:
    usual = Deployment(
        environment=Environment("prod"), old="old", new="new", earlier="old", pull="", rollback=False, restart=False,
        backup=False, wait=1,
    )  # fmt: skip
    return replace(usual, **changes)


WEB: Any = {"deploy": {"labels": {}}, "environment": {}, "volumes": []}


class Swarm(sequence.SwarmSteps):
    """A deploy whose stacks are only noted."""

    previous: ClassVar[Any] = {"services": {"web": WEB}, "secrets": {"of": "previous"}}
    stack: ClassVar[Any] = {"services": {"web": WEB}, "secrets": {}}

    def note(self) -> list[tuple[str, list[str]]]:
        noted: list[tuple[str, list[str]]] = self.__dict__.setdefault("deployed", [])
        return noted

    def _deploy(self, stack: Any) -> None:
        which = "previous" if stack["secrets"] else "next"
        self.note().append((which, list(stack["services"])))

    def _wait(self, _stack: Any, _release: str) -> None:
        pass

    def remove_others(self, _stack: Any) -> None:
        pass


@pytest.fixture
def swarm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dotenv: dict[str, str]) -> Swarm:
    """Return a deploy, in a folder of its own."""
    for module in (sequence, deploy_swarm):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(tasks, "attempt", lambda command: subprocess.CompletedProcess(command, 0, "", ""))
    monkeypatch.setattr(releases, "store", lambda *_: None)
    monkeypatch.setattr(Deployment, "write_release", lambda self: dotenv.update(RELEASE=self.new))
    steps = Steps(tmp_path / "deploy.log")
    return Swarm(deployment(), {}, steps)


def test_once_env_says_so_the_new_release_stays(swarm: Swarm, monkeypatch: pytest.MonkeyPatch) -> None:
    """The swarm has no leader for a moment, or Ctrl-C, while old stacks are forgotten: .env names the new release."""

    def fail(_kept: set[str]) -> None:
        raise HostError("docker config ls failed with exit status 1.")

    monkeypatch.setattr(releases, "forget", fail)
    with swarm.steps.step("Replace the services"):
        swarm.replace()
    deploy_swarm.go_back(swarm)
    assert env_file.get("RELEASE") == "new"
    assert swarm.note()[-1][0] == "next", "the swarm runs the release before, and .env says the new one"


def test_what_a_killed_deploy_replaced_is_brought_back(swarm: Swarm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it replaced; the next deploy fails in its migration, and says that it went back."""
    monkeypatch.setattr(tasks, "release_of", lambda _service: "killed")
    monkeypatch.setattr(releases, "find", lambda _release: None)
    deploy_swarm.check_release(swarm)
    swarm.go_back()
    assert swarm.note(), "nothing was brought back, and it prints: Going back to the release old … done."


def test_the_job_for_static_files_goes_back_too(swarm: Swarm, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job stays, for machines that come back: it is the failed release's."""
    monkeypatch.setattr(tasks, "wait_for_job", lambda *_a, **_k: None)
    monkeypatch.setattr(tasks, "show_log", lambda *_: None)
    swarm.publish_static_files()
    swarm.replacing = True
    swarm.go_back()
    names = [name for which, found in swarm.note() if which == "previous" for name in found]
    assert "static_files" in names


def test_forward_again_after_a_restart(swarm: Swarm) -> None:
    """A restart's name is no tag in the registry."""
    swarm.deployment = deployment(old="v2-restart-20261128-090000", new="v1", rollback=True)
    assert "--pull v2\n" in deploy_swarm.summary(swarm, seconds=1)


@pytest.mark.parametrize(
    ("changes", "key"),
    [({"restart": True}, "new"), ({"restart": True}, "old"), ({"rollback": True}, "new"), ({}, "new")],
    ids=str,
)
def test_another_bucket_or_key_is_tried_before_services_are_replaced(
    monkeypatch: pytest.MonkeyPatch,
    dotenv: dict[str, str],
    swarm: Swarm,
    changes: dict[str, bool],
    key: str,
) -> None:
    """A build's migrations do it. While the bucket is away, the site can be closed all the same."""
    dotenv["MEDIA_URL"] = "gs://uploads"
    swarm.deployment, ran = deployment(**changes), list[str]()
    for stack, used in (("previous", "old"), ("stack", key)):
        monkeypatch.setattr(Swarm, stack, {"services": {"web": WEB}, "secrets": {"media_credentials": used}})
    monkeypatch.setattr(swarm, "get_images", lambda: None)
    monkeypatch.setattr(swarm, "run_job", ran.append)
    monkeypatch.setattr(swarm, "replace", lambda: ran.append("replace"))
    deploy_swarm.act(swarm)
    assert ("check_uploads" in ran[: ran.index("replace")]) == ("restart" in changes and key == "new")


@pytest.mark.parametrize("changed", ["MEDIA_URL", "S3_ENDPOINT", "S3_REGION"])
def test_another_service_of_the_bucket_is_tried(monkeypatch: pytest.MonkeyPatch, swarm: Swarm, changed: str) -> None:
    ran: list[str] = []
    for stack in ("previous", "stack"):
        web = {**WEB, "environment": {changed: f"of the {stack}"}}
        monkeypatch.setattr(Swarm, stack, {"services": {"web": web}, "secrets": {}})
    monkeypatch.setattr(swarm, "run_job", ran.append)
    swarm.check_uploads()
    assert ran == ["check_uploads"]


@pytest.mark.parametrize("bucket", ["", "gs://uploads"])
@pytest.mark.parametrize("option", ["restart", "rollback", "pull"])
def test_the_steps_are_counted_before_they_begin(
    monkeypatch: pytest.MonkeyPatch, dotenv: dict[str, str], swarm: Swarm, option: str, bucket: str
) -> None:
    dotenv["MEDIA_URL"] = bucket
    options = {"restart": False, "rollback": False, "pull": ""} | {option: "tag" if option == "pull" else True}
    swarm.deployment = deployment(**options)
    for name in ("get_images", "back_up", "migrate", "check_uploads", "publish_static_files", "replace"):
        monkeypatch.setattr(swarm, name, lambda: None)
    deploy_swarm.act(swarm)
    assert deploy_swarm.count_steps(argparse.Namespace(**options)) == 1 + swarm.steps.number


def test_the_static_files_of_machines_that_join_stay_if_nothing_was_published(
    monkeypatch: pytest.MonkeyPatch, swarm: Swarm
) -> None:
    removed: list[str] = []
    monkeypatch.setattr(tasks, "remove", removed.extend)
    swarm.go_back()
    assert "migrate" in " ".join(removed)
    assert "static_files" not in " ".join(removed)


def test_a_service_with_another_mode_is_removed_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A swarm does not change the mode; on the way back neither."""
    did: list[str] = []

    def deploy(*_: object) -> str:
        did.append("deploy")
        return ""

    monkeypatch.setattr(tasks, "output", lambda _command: "shop_web replicated\nshop_celery replicated\n")
    monkeypatch.setattr(tasks, "remove", did.extend)
    monkeypatch.setattr(one_off, "deploy", deploy)
    steps = sequence.SwarmSteps(deployment(), {}, Steps(tmp_path / "log"))
    with steps.steps.step("Replace the services"):
        steps._deploy({"services": {"web": {}, "celery": {"deploy": {"mode": "global"}}, "job": {}}})  # noqa: SLF001
    assert did == ["shop_celery", "deploy"]


# Waiting


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self, limit: float) -> None:
        self.now, self.limit = 0.0, limit

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now > self.limit:
            pytest.fail(f"it still waits after {self.now:.0f} s")


def task(**changes: Any) -> tasks.Task:
    usual = {"id": "1", "node": "n", "state": "running", "wanted": "complete", "error": "", "exit_status": None}
    return tasks.Task(**(usual | {"specification": {}} | changes))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return a clock for the waiting."""
    found = Clock(limit=3600)
    monkeypatch.setattr(tasks, "time", SimpleNamespace(monotonic=found.monotonic, sleep=found.sleep))
    monkeypatch.setattr(tasks, "machines", list)
    return found


def lost_machine() -> list[machines.Machine]:
    """Return the machines: the tasks' own is away."""
    return [machines.Machine(id="n", name="two", ready=False, lost=True, takes_tasks=True, engine="28.5")]


@pytest.mark.usefixtures("clock")
def test_a_task_of_a_lost_machine_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Swarm says that it runs until the machine is back."""
    monkeypatch.setattr(tasks, "tasks_of", lambda _name: [task(), task(id="2", node="m", state="complete")])
    monkeypatch.setattr(tasks, "machines", lost_machine)
    with pytest.raises(HostError, match="the machine two is lost, and what ran there"):
        tasks.wait_for_job("shop_static_files", wait=10)


@pytest.mark.usefixtures("clock")
def test_a_command_on_a_lost_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "tasks_of", lambda _name: [task()])
    monkeypatch.setattr(tasks, "machines", lost_machine)
    with pytest.raises(HostError):
        one_off.wait_for("shop_backup-1")


@pytest.mark.usefixtures("clock")
def test_a_machine_that_downloads_the_image_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "tasks_of", lambda _name: [task(state="preparing")])
    with pytest.raises(HostError) as error:
        one_off.wait_for("shop_backup-1")
    assert "it is preparing" in str(error.value)


# Hints


def test_a_refused_password_is_no_reason_to_delete_all_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """rotate-secret on several machines: PostgreSQL is elsewhere."""
    postgres = {"environment": {"POSTGRES_USER": "app"}, "deploy": {"replicas": "0"}}
    web = {"depends_on": {"postgres": {"condition": "service_healthy"}}, "environment": {"POSTGRES_HOST": "db"}}
    rotation: Any = SimpleNamespace(services={"web": web, "postgres": postgres}, steps=Steps(tmp_path / "log"))
    error = StepError("Restart", "FATAL: password authentication failed for user", 1)
    rotate_secret.print_diagnosis(error, rotation, "./bedplate rotate-secret postgres_password")
    said = capsys.readouterr().err
    assert "docker compose exec postgres" not in said
    assert "docker compose down" not in said


def test_how_to_try_the_mail_password(monkeypatch: pytest.MonkeyPatch, dotenv: dict[str, str]) -> None:
    dotenv["COMPOSE_FILE"] = "prod.yml:swarm.yml"
    rotation: Any = SimpleNamespace(name="email_password")
    assert "docker compose exec" not in rotate_secret.summary(rotation, forget=False, duration=1)


# Names


def test_a_service_of_the_team_is_named_migrate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is in the stack, healthy, and removed at the end of a deploy that succeeds."""
    removed: list[str] = []
    monkeypatch.setattr(tasks, "output", lambda _command: "shop_web replicated\nshop_migrate replicated\n")
    monkeypatch.setattr(tasks, "remove", removed.extend)
    deploy = sequence.SwarmSteps(deployment(), {}, Steps(tmp_path / "log"))
    deploy.remove_others({"services": {"web": {}, "migrate": {}}})
    assert removed == []


def test_the_files_that_the_shell_names_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in COMPOSE_FILE=prod.yml:ours/more.yml ./install_docker.sh --environment prod --swarm."""
    monkeypatch.setattr(env_file, "FILE", tmp_path / ".env")
    monkeypatch.setenv("COMPOSE_FILE", "prod.yml:ours/more.yml")
    request: Any = SimpleNamespace(environment=Environment("prod"))
    assert install_swarm.is_requested(request, swarm=True)
    assert "ours/more.yml" in os.environ["COMPOSE_FILE"].split(":")


def test_only_a_change_of_memory_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tasks that run are the old ones."""
    running = {"ContainerSpec": {"Image": "a"}, "Resources": {}}
    monkeypatch.setattr(tasks, "tasks_of", lambda _name: [task(wanted="running", specification=running)])
    template = {"ContainerSpec": {"Image": "a"}, "Resources": {"Limits": {"MemoryBytes": 1}}}
    labels = {"bedplate.release": "new"}
    spec = {"Name": "shop_web", "Labels": labels, "Mode": {"Replicated": {"Replicas": 1}}, "TaskTemplate": template}
    assert tasks.state_of({"ID": "1", "Spec": spec}, "new") != ""
