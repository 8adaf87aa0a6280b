"""Parsing of crontabs, and due times, also on days with a clock change."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from bedplate.django.cron_runs.crontab import Crontab, CrontabError, Task, parse_crontab, read_crontab, task_name
from bedplate.django.cron_runs.former_scripts import FORMER_SCRIPTS, without_former_script
from hypothesis import given
from hypothesis import strategies as st

ZURICH = ZoneInfo("Europe/Zurich")
PATH = Path("/cron/crontab")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours"}


def parse(*lines: str, wrapper: str = "/cron/recorded") -> Crontab:
    return parse_crontab("\n".join([f"SHELL={wrapper}", *lines]), path=PATH, zone=ZURICH)


def task(*schedules: str, zone: ZoneInfo = ZURICH) -> Task:
    return Task(name="backup", entry="x", command="x", schedules=schedules, zone=zone)


@pytest.fixture
def own_crontab() -> Crontab:
    """Return the base project's crontab."""
    path = Path(__file__).resolve().parents[4] / "cron/crontab"
    if not path.exists():
        pytest.skip("the folder cron/ is not mounted in the container of web")
    return read_crontab(path, zone=ZURICH)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def times(task: Task, *, after: str, count: int) -> list[str]:
    """Return the next due times of the task, in Zürich's local time."""
    found, now = [], at(after)
    for _ in range(count):
        now = task.next_time(now)
        found.append(now.astimezone(ZURICH).strftime("%d %H:%M %Z"))
    return found


def test_tasks_and_variables() -> None:
    crontab = parse(
        "# a comment", "", "A = 'b c'", "  0 3 * * *\t/cron/tasks/backup.sh --all", "@hourly /cron/tasks/x.sh"
    )
    assert dict(crontab.variables) == {"A": "b c"}
    assert {name: (task.command, task.schedules) for name, task in crontab.tasks.items()} == {
        "backup": ("/cron/tasks/backup.sh --all", ("0 3 * * *",)),
        "x": ("/cron/tasks/x.sh", ("0 * * * *",)),
    }


def test_entry_names_its_task_and_time_limit() -> None:
    found = parse("0 3 * * * backup \t6h  python -m x '1 2'", "@daily prune-all 90s /cron/tasks/x.sh 5m").tasks
    assert {name: (task.entry, task.time_limit, task.command) for name, task in found.items()} == {
        "backup": ("backup \t6h  python -m x '1 2'", "6h", "python -m x '1 2'"),
        "prune-all": ("prune-all 90s /cron/tasks/x.sh 5m", "90s", "/cron/tasks/x.sh 5m"),
    }


@pytest.mark.parametrize(
    "entry", ["sleep 5m && /cron/tasks/x.sh", "sleep 5m; true", "backup python -m x", "/cron/tasks/x.sh 6h x", "x 6h"]
)
def test_other_commands_have_no_time_limit(entry: str) -> None:
    (found,) = parse(f"0 3 * * * {entry}").tasks.values()
    assert (found.entry, found.command, found.time_limit) == (entry, entry, None)


def test_lines_of_one_command_are_one_task() -> None:
    crontab = parse("0 3 * * * /cron/tasks/x.sh", "0 15 * * * /cron/tasks/x.sh")
    assert crontab.tasks["x"].schedules == ("0 3 * * *", "0 15 * * *")
    assert times(crontab.tasks["x"], after="2026-06-01T12:00+02:00", count=3) == [
        "01 15:00 CEST",
        "02 03:00 CEST",
        "02 15:00 CEST",
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("61 3 * * * /cron/tasks/x.sh", "Bad minute"),
        ("0 3 * * /cron/tasks/x.sh", "five fields of time and a command are needed"),
        ("0 3 * * *", "five fields of time and a command are needed"),
        ("every day /cron/tasks/x.sh", "five fields of time and a command are needed"),
        ("0 0 3 * * * /cron/tasks/x.sh", "more than five fields of time"),
        ("@reboot /cron/tasks/x.sh", "@reboot is not one of @hourly, @daily"),
        ("0 0 30 2 * /cron/tasks/x.sh", "Bad day-of-month"),
        ("<<<<<<< YOURS", "five fields of time and a command are needed"),
        ("=======", "five fields of time and a command are needed"),
        ("CRON_TZ=Asia/Tokyo", "the time zone is TIME_ZONE in .env"),
        ("0 4 * * * /cron/tasks/backup.sh --again", "'backup' has another command further up"),
        ("0 4 * * * backup 6h /cron/tasks/x.sh", "'backup' has another command further up"),
    ],
)
def test_invalid_line_is_named(line: str, reason: str) -> None:
    with pytest.raises(CrontabError) as error:
        parse("0 3 * * * /cron/tasks/backup.sh -a", "# fine", line)
    assert str(error.value).startswith(f"/cron/crontab, line 4: {reason}")
    assert str(error.value).endswith(f": {line}")


def test_crontab_without_the_wrapper_is_refused() -> None:
    with pytest.raises(CrontabError, match="must begin with SHELL=/cron/recorded"):
        parse("0 3 * * * /cron/tasks/x.sh", wrapper="/bin/sh")


def test_missing_crontab_is_named(tmp_path: Path) -> None:
    with pytest.raises(CrontabError, match="crontab cannot be read: No such file"):
        read_crontab(tmp_path / "crontab", zone=ZURICH)


def test_name_of_a_task_is_that_of_its_script() -> None:
    assert [task_name(command) for command in ("/cron/tasks/backup.sh -a", "backup 6h x", "bin/x.py")] == [
        "backup",
        "backup",
        "x.py",
    ]


def test_time_skipped_by_the_clock_change_is_due_after_it() -> None:
    expected = ["28 02:30 CET", "29 03:00 CEST", "30 02:30 CEST"]
    assert times(task("30 2 * * *"), after="2026-03-27T12:00+01:00", count=3) == expected


def test_time_repeated_by_the_clock_change_is_due_once() -> None:
    expected = ["24 02:30 CEST", "25 02:30 CEST", "26 02:30 CET"]
    assert times(task("30 2 * * *"), after="2026-10-23T12:00+02:00", count=3) == expected


def test_hourly_tasks_run_every_hour_on_clock_changes() -> None:
    spring = ["29 01:00 CET", "29 03:00 CEST", "29 04:00 CEST"]
    autumn = ["25 02:00 CEST", "25 02:00 CET", "25 03:00 CET"]
    assert times(task("0 * * * *"), after="2026-03-29T00:30+01:00", count=3) == spring
    assert times(task("0 * * * *"), after="2026-10-25T01:30+02:00", count=3) == autumn


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-06-02T02:30+02:00", "2026-06-02T02:30+02:00"),
        ("2026-06-02T02:29:59.999+02:00", "2026-06-01T02:30+02:00"),
        ("2026-03-29T03:00:01+02:00", "2026-03-29T03:00+02:00"),
        ("2026-03-29T01:59+01:00", "2026-03-28T02:30+01:00"),
        ("2026-10-25T02:30:01+02:00", "2026-10-25T02:30+02:00"),
        ("2026-10-25T02:10+01:00", "2026-10-25T02:30+02:00"),
        ("2026-10-25T02:30+01:00", "2026-10-25T02:30+02:00"),
    ],
)
def test_previous_time(now: str, due: str) -> None:
    assert task("30 2 * * *").previous_time(at(now)) == at(due)


@given(
    now=st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    schedule=st.sampled_from(["30 2 * * *", "0 * * * *", "*/15 * * * *", "0 3 1 * *", "10 2,3 * * SUN", "0 0 * * 1-5"]),
)
def test_no_time_is_between_the_previous_and_the_next(now: datetime, schedule: str) -> None:
    last, upcoming = task(schedule).previous_time(now), task(schedule).next_time(now)
    assert last <= now < upcoming
    assert task(schedule).next_time(last) == upcoming


@pytest.mark.parametrize(
    ("schedules", "is_rare"),
    [
        (["0 3 * * *"], True),
        (["30 2 * * *"], True),
        (["0 3 * * 1"], True),
        (["0 3 1 1 *"], True),
        (["0 3,15 * * *"], False),
        (["0 3 * * *", "0 15 * * *"], False),
        (["*/5 * * * *"], False),
    ],
)
def test_rare_tasks_are_due_at_most_once_a_day(schedules: list[str], is_rare: bool) -> None:
    days = [NOW + timedelta(days=day) for day in range(365)]
    assert {task(*schedules).is_rare(day) for day in days} == {is_rare}


def test_former_scripts_match_the_entries_of_today(own_crontab: Crontab) -> None:
    """A crontab of an older project runs the same commands under the same names, as in alerts and history."""
    lines = [f"0 3 * * * /cron/tasks/{script}" for script in FORMER_SCRIPTS]
    older = {name: task.entry for name, task in parse(*lines).tasks.items()}
    assert older == {name: task.entry for name, task in own_crontab.tasks.items()}
    assert set(older) == {script.removesuffix(".sh") for script in FORMER_SCRIPTS}


def test_existing_script_of_a_team_is_run(tmp_path: Path) -> None:
    (tmp_path / "backup.sh").touch()
    assert without_former_script("/cron/tasks/backup.sh", tasks=tmp_path) == "/cron/tasks/backup.sh"
    assert without_former_script("/cron/tasks/clearsessions.sh", tasks=tmp_path).startswith("clearsessions 10m ")


@pytest.mark.parametrize("command", ["/cron/tasks/ours.sh", "/ours/backup.sh", "/cron/tasks/backup.sh --ours"])
def test_other_scripts_are_never_replaced(command: str) -> None:
    assert without_former_script(command) == command


def test_time_limits_end_a_run_before_the_next_is_due(own_crontab: Crontab) -> None:
    for task in own_crontab.tasks.values():
        assert task.time_limit
        limit = timedelta(**{UNITS[task.time_limit[-1]]: int(task.time_limit[:-1])})
        due = [task.next_time(NOW)]
        for _ in range(400):
            due.append(task.next_time(due[-1]))
        assert all(later - earlier > limit for earlier, later in pairwise(due)), task.name
