"""What a crontab says, and when it is due: on ordinary days, and on those that the clock changes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from bedplate.django.cron_runs.crontab import Crontab, CrontabError, Task, parse_crontab, read_crontab, task_name
from hypothesis import given
from hypothesis import strategies as st

ZURICH = ZoneInfo("Europe/Zurich")
PATH = Path("/cron/crontab")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def parse(*lines: str, recorder: str = "/cron/recorded") -> Crontab:
    return parse_crontab("\n".join([f"SHELL={recorder}", *lines]), path=PATH, zone=ZURICH)


def task(*schedules: str, zone: ZoneInfo = ZURICH) -> Task:
    return Task(name="backup", command="/cron/tasks/backup.sh", schedules=schedules, zone=zone)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def times(task: Task, *, after: str, count: int) -> list[str]:
    """Return the next times that the task is due, as people in Zürich read them."""
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
        ("@reboot /cron/tasks/x.sh", "@reboot is none of @hourly, @daily"),
        ("0 0 30 2 * /cron/tasks/x.sh", "Bad day-of-month"),
        ("CRON_TZ=Asia/Tokyo", "the time zone is TIME_ZONE in .env"),
        ("0 4 * * * /cron/tasks/backup.sh --again", "'backup' has another command further up"),
    ],
)
def test_line_that_cannot_be_used_is_named(line: str, reason: str) -> None:
    with pytest.raises(CrontabError) as error:
        parse("0 3 * * * /cron/tasks/backup.sh", "# fine", line)
    assert str(error.value).startswith(f"/cron/crontab, line 4: {reason}")
    assert str(error.value).endswith(f": {line}")


def test_crontab_whose_lines_would_not_be_recorded_is_refused() -> None:
    with pytest.raises(CrontabError, match="must begin with SHELL=/cron/recorded"):
        parse("0 3 * * * /cron/tasks/x.sh", recorder="/bin/sh")


def test_missing_crontab_is_named(tmp_path: Path) -> None:
    with pytest.raises(CrontabError, match="crontab cannot be read: No such file"):
        read_crontab(tmp_path / "crontab", zone=ZURICH)


def test_name_of_a_task_is_that_of_its_script() -> None:
    assert [task_name(command) for command in ("/cron/tasks/backup.sh -a", "backup", "bin/x.py")] == [
        "backup",
        "backup",
        "x.py",
    ]


def test_time_that_the_clock_leaves_out_comes_when_it_has_been_put_forward() -> None:
    expected = ["28 02:30 CET", "29 03:00 CEST", "30 02:30 CEST"]
    assert times(task("30 2 * * *"), after="2026-03-27T12:00+01:00", count=3) == expected


def test_time_that_comes_twice_counts_once() -> None:
    expected = ["24 02:30 CEST", "25 02:30 CEST", "26 02:30 CET"]
    assert times(task("30 2 * * *"), after="2026-10-23T12:00+02:00", count=3) == expected


def test_each_hour_is_each_hour_also_when_the_clock_changes() -> None:
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
def test_time_that_was_due_last(now: str, due: str) -> None:
    assert task("30 2 * * *").previous_time(at(now)) == at(due)


@given(
    now=st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    schedule=st.sampled_from(["30 2 * * *", "0 * * * *", "*/15 * * * *", "0 3 1 * *", "10 2,3 * * SUN", "0 0 * * 1-5"]),
)
def test_no_time_lies_between_the_last_and_the_next(now: datetime, schedule: str) -> None:
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
def test_whether_a_task_is_due_once_a_day_at_most(schedules: list[str], is_rare: bool) -> None:
    days = [NOW + timedelta(days=day) for day in range(365)]
    assert {task(*schedules).is_rare(day) for day in days} == {is_rare}


def test_the_projects_own_crontab_can_be_used() -> None:
    path = Path(__file__).resolve().parents[4] / "cron/crontab"
    if not path.exists():
        pytest.skip("the folder cron/ is not mounted in the container of web")
    crontab = read_crontab(path, zone=ZURICH)
    for command in (task.command.split()[0] for task in crontab.tasks.values()):
        assert (path.parent / Path(command).relative_to("/cron")).is_file()
