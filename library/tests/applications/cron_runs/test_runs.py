"""The states of a run, its claim by one process, and the handling of late and killed runs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from bedplate.django.cron_runs import runner, supervisor
from bedplate.django.cron_runs.crontab import Crontab, Task, parse_crontab
from bedplate.django.cron_runs.locks import lock_number
from bedplate.django.cron_runs.models import CronRun
from bedplate.django.cron_runs.runner import begin
from bedplate.django.cron_runs.supervisor import Supervisor
from bedplate.django.operations import heartbeat
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from users.models import User

pytestmark = pytest.mark.django_db

ZURICH = ZoneInfo("Europe/Zurich")
NOW = datetime(2026, 6, 1, 12, 0, 30, tzinfo=UTC)
State = CronRun.State


def crontab(*lines: str) -> Crontab:
    return parse_crontab("\n".join(["SHELL=/cron/recorded", *lines]), path=Path("crontab"), zone=ZURICH)


DAILY = crontab("0 3 * * * /cron/tasks/daily.sh")
HOURLY = crontab("0 * * * * /cron/tasks/hourly.sh")


class Watched(Supervisor):
    """A supervisor that records the runs that it would start."""

    def __init__(self) -> None:
        super().__init__(crontab=Path("crontab"), zone=ZURICH)
        self.started: list[str] = []

    def begin(self, run: CronRun, crontab: Crontab) -> None:  # noqa: ARG002
        self.started.append(str(run))


@pytest.fixture
def watched(settings: Settings) -> Watched:
    settings.ADMINS = ["admin@example.org"]
    return Watched()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Return the set of held locks, which the test can change."""
    locks: set[int] = set()
    monkeypatch.setattr(supervisor, "held_locks", lambda: locks)
    return locks


@pytest.fixture
def lock_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "take_lock", lambda _task: True)


def due(task: str, at: datetime) -> CronRun:
    return CronRun.objects.create(task=task, command=f"/cron/tasks/{task}.sh", scheduled_for=at)


def running(task: str, at: datetime) -> CronRun:
    run = CronRun.objects.claim(task, command=f"/cron/tasks/{task}.sh", scheduled_for=at, now=at)
    assert run is not None
    return run


def states(task: str) -> list[str]:
    return [run.state for run in CronRun.objects.filter(task=task).order_by("scheduled_for")]


def test_the_next_run_of_each_task_is_known(watched: Watched) -> None:
    both = crontab("0 3 * * * /cron/tasks/daily.sh", "0 * * * * /cron/tasks/hourly.sh")
    for _ in range(2):
        watched.check_runs(both, now=NOW)
    runs = {run.task: run.scheduled_for for run in CronRun.objects.filter(state=State.SCHEDULED)}
    assert runs == {"daily": datetime(2026, 6, 2, 1, tzinfo=UTC), "hourly": datetime(2026, 6, 1, 13, tzinfo=UTC)}
    assert CronRun.objects.count() == 2


@pytest.mark.usefixtures("own_cache")
def test_the_supervisor_sends_heartbeats_while_the_database_answers(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise DatabaseError("connection refused")

    monkeypatch.setattr(supervisor, "close_old_connections", lambda: None)  # the test's connection has its transaction
    with monkeypatch.context() as patch:
        patch.setattr(watched, "check_runs", fail)
        watched.check(DAILY)
    assert heartbeat.silence("cron") is None
    watched.check(DAILY)
    silence = heartbeat.silence("cron")
    assert silence is not None
    assert silence < 60


def test_runs_of_removed_or_rescheduled_tasks_are_deleted(watched: Watched) -> None:
    watched.check_runs(crontab("0 3 * * * /cron/tasks/daily.sh", "0 * * * * /cron/tasks/gone.sh"), now=NOW)
    watched.check_runs(crontab("0 5 * * * /cron/tasks/daily.sh"), now=NOW)
    assert [(run.task, run.scheduled_for.hour) for run in CronRun.objects.all()] == [("daily", 3)]


@pytest.mark.usefixtures("lock_is_free")
def test_a_run_is_for_one_process() -> None:
    due("daily", NOW)
    later = NOW + timedelta(seconds=1)
    first, second = (begin(DAILY.tasks["daily"], now=later) for _ in range(2))
    assert first is not None
    assert (first.state, first.scheduled_for, second) == (State.RUNNING, NOW, None)


@pytest.mark.usefixtures("lock_is_free")
def test_an_unscheduled_run_is_executed() -> None:
    run = begin(HOURLY.tasks["hourly"], now=NOW)
    assert run is not None
    assert run.scheduled_for == NOW.replace(second=0)
    assert begin(HOURLY.tasks["hourly"], now=NOW) is None


def test_a_run_is_skipped_while_the_previous_one_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "take_lock", lambda _task: False)
    due("daily", NOW)
    assert begin(DAILY.tasks["daily"], now=NOW) is None
    assert states("daily") == [State.SKIPPED]


@pytest.mark.usefixtures("lock_is_free")
@pytest.mark.parametrize("moment", ["2026-10-25T02:30:01+02:00", "2026-10-25T02:30:01+01:00"])
def test_time_repeated_by_the_clock_change_runs_once(moment: str) -> None:
    task = crontab("30 2 * * * /cron/tasks/daily.sh").tasks["daily"]
    begun = [begin(task, now=datetime.fromisoformat(text)) for text in ("2026-10-25T02:30:00+02:00", moment)]
    assert [run is not None for run in begun] == [True, False]


def test_time_skipped_by_the_clock_change_runs_after_it(watched: Watched) -> None:
    tab = crontab("30 2 * * * /cron/tasks/daily.sh")
    watched.check_runs(tab, now=datetime.fromisoformat("2026-03-29T01:59:00+01:00"))
    watched.check_runs(tab, now=datetime.fromisoformat("2026-03-29T03:00:12+02:00"))
    assert watched.started == ["daily 2026-03-29 01:00:00 UTC"]
    assert not mail.outbox


def test_a_late_run_is_started_once(watched: Watched) -> None:
    due("hourly", NOW)
    for seconds in (9, 11, 13):
        watched.check_runs(HOURLY, now=NOW + timedelta(seconds=seconds))
    assert watched.started == ["hourly 2026-06-01 12:00:30 UTC"]


def test_a_missed_run_sends_one_alert(watched: Watched) -> None:
    due("hourly", NOW)
    for seconds in (31, 33):
        watched.check_runs(HOURLY, now=NOW + timedelta(seconds=seconds))
    assert states("hourly") == [State.MISSED, State.SCHEDULED]
    (sent,) = mail.outbox
    assert "Cron: hourly: Missed. It was not started when it was due." in sent.subject
    assert "It was due at 2026-06-01 14:00 CEST." in str(sent.body)


def test_a_missed_daily_run_is_repeated_once(watched: Watched) -> None:
    due("daily", NOW - timedelta(hours=5))
    watched.check_runs(DAILY, now=NOW)
    assert states("daily") == [State.MISSED, State.SCHEDULED, State.SCHEDULED]
    watched.check_runs(DAILY, now=NOW + timedelta(seconds=12))
    assert watched.started == ["daily 2026-06-01 12:00:30 UTC"]
    watched.check_runs(DAILY, now=NOW + timedelta(minutes=5))
    assert states("daily") == [State.MISSED, State.MISSED, State.SCHEDULED]
    assert len(mail.outbox) == 2


def test_two_supervisors_mark_a_run_missed_once(watched: Watched) -> None:
    run = due("hourly", NOW)
    assert [CronRun.objects.mark_missed(run, reason="", now=NOW) for _ in range(2)] == [True, False]


def test_a_killed_run_sends_an_alert(watched: Watched, held: set[int]) -> None:
    running("hourly", NOW)
    for seconds in (0, 19):
        watched.check_runs(HOURLY, now=NOW + timedelta(seconds=seconds))
    assert "running" in states("hourly")
    watched.check_runs(HOURLY, now=NOW + timedelta(seconds=21))
    assert states("hourly") == [State.FAILED, State.SCHEDULED]
    assert ["Cron: hourly: Killed" in sent.subject for sent in mail.outbox] == [True]


def test_a_run_with_its_lock_continues(watched: Watched, held: set[int]) -> None:
    running("hourly", NOW)
    held.add(lock_number("hourly"))
    for seconds in (0, 30, 60):
        watched.check_runs(HOURLY, now=NOW + timedelta(seconds=seconds))
    held.clear()
    watched.check_runs(HOURLY, now=NOW + timedelta(seconds=62))
    held.add(lock_number("hourly"))
    watched.check_runs(HOURLY, now=NOW + timedelta(seconds=90))
    held.clear()
    watched.check_runs(HOURLY, now=NOW + timedelta(seconds=92))
    assert "running" in states("hourly")


def test_of_two_running_runs_the_later_one_holds_the_lock(watched: Watched, held: set[int]) -> None:
    running("hourly", NOW)
    running("hourly", NOW + timedelta(seconds=1))
    held.add(lock_number("hourly"))
    for seconds in (2, 30):
        watched.check_runs(HOURLY, now=NOW + timedelta(seconds=seconds))
    assert states("hourly") == [State.FAILED, State.RUNNING, State.SCHEDULED]


def test_the_result_is_recorded_even_without_a_row() -> None:
    run = running("hourly", NOW)
    CronRun.objects.all().delete()
    CronRun.objects.end(run, now=NOW, state=State.SUCCEEDED, output="done", exit_code=0, reason="")
    found = CronRun.objects.get()
    assert (found.state, found.started, found.command, found.output) == ("succeeded", NOW, run.command, "done")


def test_without_a_database_nothing_starts_and_the_admins_get_an_alert(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ADMINS = ["admin@example.org"]

    def fail(task: Task, *, now: datetime) -> None:
        raise DatabaseError("connection refused")

    monkeypatch.setattr(runner, "begin", fail)
    monkeypatch.setattr(runner, "RunningCommand", None)
    assert runner.run_task(DAILY.tasks["daily"]) == 1
    (sent,) = mail.outbox
    assert "Cron: daily: It did not start: the database does not answer." in sent.subject


@pytest.mark.parametrize("fields", [{"state": "elsewhere"}, {"state": "missed"}, {"finished": NOW}])
def test_the_database_refuses_an_invalid_run(fields: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        CronRun.objects.create(task="daily", command="x", scheduled_for=NOW, **fields)


def test_old_runs_are_pruned_except_running_ones(capsys: pytest.CaptureFixture[str]) -> None:
    old, new = timezone.now() - timedelta(days=91), timezone.now()
    for task, at in (("old", old), ("new", new)):
        CronRun.objects.end(running(task, at), now=at, state=State.SUCCEEDED)
    running("runs", old)
    call_command("prune_cron_runs")
    assert capsys.readouterr().out == "Deleted 1 cron runs older than 90 days.\n"
    assert {run.task for run in CronRun.objects.all()} == {"new", "runs"}


def test_the_admin_shows_the_output_and_is_read_only(client: Client, staff: User) -> None:
    run = running("daily", NOW)
    CronRun.objects.end(run, now=NOW, state=State.FAILED, output="a  b\n<c>")
    client.force_login(staff)
    assert b"daily" in client.get("/admin/cron_runs/cronrun/").content
    page = client.get(f"/admin/cron_runs/cronrun/{run.pk}/change/").content.decode()
    assert "<pre>a  b\n&lt;c&gt;</pre>" in page
    assert 'name="_save"' not in page
    assert client.get("/admin/cron_runs/cronrun/add/").status_code == 403


@pytest.mark.skipif(connection.vendor == "postgresql", reason="there it would run")
@pytest.mark.parametrize("command", [("cron",), ("run_cron_task", "x")])
def test_cron_requires_postgresql(command: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="Cron needs PostgreSQL"):
        call_command(*command)
