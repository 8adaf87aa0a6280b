"""A run from its claim to its record, with real commands: the row, the ping service, the mail."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bedplate.django.cron_runs import alerts, runner
from bedplate.django.cron_runs.admin import CronRunAdmin
from bedplate.django.cron_runs.alerts import message
from bedplate.django.cron_runs.command import Tail
from bedplate.django.cron_runs.crontab import Task
from bedplate.django.cron_runs.models import CronRun, CronRunQuerySet
from bedplate.django.cron_runs.runner import due_time, run_task
from django.contrib import admin
from django.core import mail
from django.db import DatabaseError
from django.utils import timezone
from pytest_django import Settings

pytestmark = pytest.mark.django_db(transaction=True)

type Pings = list[tuple[str, str, str]]


@pytest.fixture(autouse=True)
def machine(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Replace PostgreSQL's locks by free ones, and restore the handler of SIGTERM afterwards."""
    settings.ADMINS = ["admin@example.org"]
    monkeypatch.setattr(runner, "take_lock", lambda _task: True)
    monkeypatch.setattr(runner, "renew_lock", lambda _task: None)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def pings(monkeypatch: pytest.MonkeyPatch) -> Pings:
    """Return the events sent to the ping service."""
    pinged: Pings = []

    def record(task: str, event: str, *, body: str = "") -> None:
        pinged.append((task, event, body))

    monkeypatch.setattr(runner, "ping", record)
    monkeypatch.setattr(alerts, "ping", record)
    return pinged


def due(command: str) -> Task:
    """Return a task that is due, at a time that is not in its crontab."""
    CronRun.objects.create(task="t", command=command, scheduled_for=timezone.now() - timedelta(seconds=2))
    return Task(name="t", entry=command, command=command, schedules=("0 3 29 2 *",), zone=ZoneInfo("UTC"))


def test_successful_run_is_recorded_and_pinged(pings: Pings) -> None:
    assert run_task(due("echo 42 tables")) == 0
    run = CronRun.objects.get()
    assert (run.state, run.exit_code, run.reason, run.output) == ("succeeded", 0, "", "42 tables\n")
    assert run.started
    assert run.finished
    assert run.scheduled_for < run.started <= run.finished
    assert pings == [("t", "start", ""), ("t", "success", "42 tables\n")]
    assert mail.outbox == []


def test_failed_run_is_recorded_and_sends_an_alert(pings: Pings) -> None:
    assert run_task(due("echo no space left; exit 3")) == 3
    run = CronRun.objects.get()
    assert (run.state, run.exit_code, run.reason, run.output) == ("failed", 3, "Exited with 3.", "no space left\n")
    assert pings == [("t", "start", ""), ("t", "fail", "Exited with 3.\n\nno space left\n")]
    (sent,) = mail.outbox
    assert sent.subject.endswith("Cron: t: Exited with 3.")
    assert "no space left" in str(sent.body)


def test_skipped_run_sends_no_alert(pings: Pings) -> None:
    """Another process held the lock of `cron/tasks/TEMPLATE.sh`."""
    assert run_task(due("exit 75")) == 75
    assert (CronRun.objects.get().state, mail.outbox, len(pings)) == ("skipped", [], 1)


def test_run_that_is_not_due_is_not_run(pings: Pings) -> None:
    task = due("echo never")
    CronRun.objects.update(state="missed", finished=timezone.now())
    assert run_task(task) == 0
    assert (CronRun.objects.get().state, pings) == ("missed", [])


def test_run_over_its_time_limit_fails_and_sends_an_alert() -> None:
    task = replace(due("echo begun; sleep 600"), time_limit="1s")
    assert run_task(task) == 124
    run = CronRun.objects.get()
    assert (run.state, run.exit_code, run.reason, run.output) == ("failed", 124, "Over its time limit.", "begun\n")
    assert ["Cron: t: Over its time limit." in sent.subject for sent in mail.outbox] == [True]


def test_record_has_the_entry_of_the_crontab() -> None:
    """After a rollback, an older release reads the name of the task from it."""
    run_task(replace(due("true"), entry="t 6h true"))
    assert CronRun.objects.get().command == "t 6h true"


def test_replacement_run_keeps_its_reason() -> None:
    task = due("true")
    CronRun.objects.update(reason="Instead of the run of 2026-06-01 03:00 UTC.")
    run_task(task)
    assert CronRun.objects.get().reason == "Instead of the run of 2026-06-01 03:00 UTC."


def test_run_stops_with_its_container() -> None:
    """The command gets SIGTERM, and the run's reason says so."""
    task = due("trap 'echo tidied up; exit 1' TERM; echo ready; sleep 600 & wait")
    asked = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM))
    asked.start()
    assert run_task(task) == 1
    asked.join()
    run = CronRun.objects.get()
    assert (run.state, run.reason) == ("failed", "Stopped: its container was stopped.")
    assert run.output.endswith("tidied up\n")


@pytest.mark.parametrize(("failures", "state", "mails"), [(3, "succeeded", 0), (4, "running", 1)])
def test_result_is_recorded_once_the_database_is_available(
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
    assert run_task(task) == 0
    assert (CronRun.objects.get().state, len(mail.outbox)) == (state, mails)
    assert [pause for pause in pauses if pause >= 1] == [1, 4, 15]
    assert all("Its end could not be recorded" in sent.subject for sent in mail.outbox)


@pytest.mark.parametrize(("seconds", "is_due"), [(59, True), (60, False)])
def test_unscheduled_time_is_due_for_a_minute(seconds: int, is_due: bool) -> None:
    three = datetime(2026, 6, 1, 3, tzinfo=UTC)
    task = Task(name="t", entry="true", command="true", schedules=("0 3 * * *",), zone=ZoneInfo("UTC"))
    assert due_time(task, now=three + timedelta(seconds=seconds)) == (three if is_due else None)


def test_shell_of_a_command_is_bash(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """It is not the crontab's SHELL, which would record another run."""
    monkeypatch.setenv("SHELL", "/cron/recorded")
    monkeypatch.setenv("OTHER", "stays")
    run_task(due("echo $SHELL $OTHER"))
    assert CronRun.objects.get().output == "/bin/bash stays\n"


def test_output_of_exactly_the_limit_is_complete() -> None:
    tail = Tail(limit=4)
    tail.add(b"1\n2\n")
    assert tail.text() == "1\n2\n"
    tail.add(b"3")
    assert tail.text() == "[…]\n2\n3"


def test_mail_names_the_admin_and_the_how_to(configure: Callable[..., None]) -> None:
    configure(environment="prod", project_name="Shop")
    assert message("backup", "Exited with 1.", "").splitlines() == [
        "The task backup of Shop (prod) needs attention.",
        "",
        "Exited with 1.",
        "",
        "It printed nothing.",
        "",
        "All its runs: Administration, Cron, cron runs. What to do: library/docs/how-to/add-a-cron-task.md",
    ]


def test_output_is_shown_as_printed() -> None:
    """The output of a command is escaped."""
    run = CronRun(output="<b>\n  1")
    assert CronRunAdmin(CronRun, admin.site).output_as_printed(run) == "<pre>&lt;b&gt;\n  1</pre>"
