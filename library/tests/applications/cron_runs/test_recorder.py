"""A run from its claim to its record, with real commands: the row, the ping service, the mail."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bedplate.django.cron_runs import alerts, recorder
from bedplate.django.cron_runs.admin import CronRunAdmin
from bedplate.django.cron_runs.alerts import message
from bedplate.django.cron_runs.command import Tail
from bedplate.django.cron_runs.crontab import Task
from bedplate.django.cron_runs.models import CronRun, CronRunQuerySet
from bedplate.django.cron_runs.recorder import due_time, record
from django.contrib import admin
from django.core import mail
from django.db import DatabaseError
from django.utils import timezone
from pytest_django import Settings

pytestmark = pytest.mark.django_db(transaction=True)

type Pings = list[tuple[str, str, str]]


@pytest.fixture(autouse=True)
def machine(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let locks, which are PostgreSQL's, be free; and SIGTERM be as it was afterwards."""
    settings.ADMINS = ["admin@example.org"]
    monkeypatch.setattr(recorder, "take_lock", lambda _task: True)
    monkeypatch.setattr(recorder, "keep_lock", lambda _task: None)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def pings(monkeypatch: pytest.MonkeyPatch) -> Pings:
    """Return what the ping service is told."""
    told: Pings = []

    def tell(task: str, event: str, *, body: str = "") -> None:
        told.append((task, event, body))

    monkeypatch.setattr(recorder, "ping", tell)
    monkeypatch.setattr(alerts, "ping", tell)
    return told


def due(command: str) -> Task:
    """Return a task that is due, at a time that its crontab does not have."""
    CronRun.objects.create(task="t", command=command, scheduled_for=timezone.now() - timedelta(seconds=2))
    return Task(name="t", command=command, schedules=("0 3 29 2 *",), zone=ZoneInfo("UTC"))


def test_run_that_succeeds_is_recorded_and_told(pings: Pings) -> None:
    assert record(due("echo 42 tables")) == 0
    run = CronRun.objects.get()
    assert (run.state, run.exit_code, run.reason, run.output) == ("succeeded", 0, "", "42 tables\n")
    assert run.started
    assert run.finished
    assert run.scheduled_for < run.started <= run.finished
    assert pings == [("t", "start", ""), ("t", "success", "42 tables\n")]
    assert mail.outbox == []


def test_run_that_fails_is_recorded_and_raises_the_alarm(pings: Pings) -> None:
    assert record(due("echo no space left; exit 3")) == 3
    run = CronRun.objects.get()
    assert (run.state, run.exit_code, run.reason, run.output) == ("failed", 3, "Exited with 3.", "no space left\n")
    assert pings == [("t", "start", ""), ("t", "fail", "Exited with 3.\n\nno space left\n")]
    (sent,) = mail.outbox
    assert sent.subject.endswith("Cron: t: Exited with 3.")
    assert "no space left" in str(sent.body)


def test_run_that_is_skipped_raises_none(pings: Pings) -> None:
    """The lock of `cron/tasks/TEMPLATE.sh` was taken."""
    assert record(due("exit 75")) == 75
    assert (CronRun.objects.get().state, mail.outbox, len(pings)) == ("skipped", [], 1)


def test_run_that_is_not_due_is_not_run(pings: Pings) -> None:
    task = due("echo never")
    CronRun.objects.update(state="missed", finished=timezone.now())
    assert record(task) == 0
    assert (CronRun.objects.get().state, pings) == ("missed", [])


def test_run_in_place_of_another_keeps_saying_so() -> None:
    task = due("true")
    CronRun.objects.update(reason="In place of the run of 2026-06-01 03:00 UTC.")
    record(task)
    assert CronRun.objects.get().reason == "In place of the run of 2026-06-01 03:00 UTC."


def test_run_is_told_to_stop_with_its_container() -> None:
    """SIGTERM reaches the command, and the record says why it ended."""
    task = due("trap 'echo tidied up; exit 1' TERM; echo ready; sleep 600 & wait")
    asked = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM))
    asked.start()
    assert record(task) == 1
    asked.join()
    run = CronRun.objects.get()
    assert (run.state, run.reason) == ("failed", "Stopped: its container was told to end.")
    assert run.output.endswith("tidied up\n")


@pytest.mark.parametrize(("failures", "state", "mails"), [(3, "succeeded", 0), (4, "running", 1)])
def test_end_is_recorded_once_the_database_is_back(
    monkeypatch: pytest.MonkeyPatch, failures: int, state: str, mails: int
) -> None:
    pauses: list[float] = []
    tries: list[str] = []
    whole = CronRunQuerySet.end

    def end(runs: CronRunQuerySet, run: CronRun, **result: Any) -> None:
        tries.append(run.task)
        if len(tries) <= failures:
            raise DatabaseError("server closed the connection")
        whole(runs, run, **result)

    task = due("echo done")
    monkeypatch.setattr(time, "sleep", pauses.append)
    monkeypatch.setattr(CronRunQuerySet, "end", end)
    assert record(task) == 0
    assert (CronRun.objects.get().state, len(mail.outbox)) == (state, mails)
    assert [pause for pause in pauses if pause >= 1] == [1, 4, 15]
    assert all("Its end could not be recorded" in sent.subject for sent in mail.outbox)


@pytest.mark.parametrize(("seconds", "is_due"), [(59, True), (60, False)])
def test_time_that_was_not_written_down_counts_for_a_minute(seconds: int, is_due: bool) -> None:
    three = datetime(2026, 6, 1, 3, tzinfo=UTC)
    task = Task(name="t", command="true", schedules=("0 3 * * *",), zone=ZoneInfo("UTC"))
    assert due_time(task, now=three + timedelta(seconds=seconds)) == (three if is_due else None)


def test_shell_of_a_command_is_bash(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """And not the crontab's, which would record it as another run."""
    monkeypatch.setenv("SHELL", "/cron/recorded")
    monkeypatch.setenv("OTHER", "stays")
    record(due("echo $SHELL $OTHER"))
    assert CronRun.objects.get().output == "/bin/bash stays\n"


def test_output_of_just_the_limit_is_whole() -> None:
    tail = Tail(limit=4)
    tail.add(b"1\n2\n")
    assert tail.text() == "1\n2\n"
    tail.add(b"3")
    assert tail.text() == "[…]\n2\n3"


def test_mail_says_where_to_look(configure: Callable[..., None]) -> None:
    configure(environment="prod", project_name="Shop")
    assert message("backup", "Exited with 1.", "").splitlines() == [
        "The task backup of Shop (prod) needs somebody.",
        "",
        "Exited with 1.",
        "",
        "It printed nothing.",
        "",
        "All its runs: Administration, Cron, cron runs. What to do: library/docs/how-to/add-a-cron-task.md",
    ]


def test_output_is_shown_as_printed() -> None:
    """What a command prints is no HTML of ours."""
    run = CronRun(output="<b>\n  1")
    assert CronRunAdmin(CronRun, admin.site).output_as_printed(run) == "<pre>&lt;b&gt;\n  1</pre>"
