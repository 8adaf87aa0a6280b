"""The crontab: which tasks there are, when each is due, and how long it may take. This module runs nothing."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from bedplate.django.cron_runs.former_scripts import without_former_script

CRONTAB: Final = Path("/cron/crontab")
WRAPPER: Final = "/cron/recorded"

NICKNAMES: Final = MappingProxyType(
    {
        "@hourly": "0 * * * *",
        "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *",
        "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *",
        "@yearly": "0 0 1 1 *",
        "@annually": "0 0 1 1 *",
    }
)
VARIABLE: Final = re.compile(r"([A-Za-z_]\w*)\s*=\s*(.*)")
ENTRY: Final = re.compile(r"(@\S+|(?:\S+\s+){4}\S+)\s+(\S.*)")
SIXTH_FIELD: Final = re.compile(r"[\d*?/,-]+\s")
# `backup 6h python …`: name, time limit, command. `sleep 5m && …` is a command.
LIMITED: Final = re.compile(r"(?P<name>[A-Za-z_][\w-]*)\s+(?P<time_limit>\d+[smhd])\s+(?P<command>[^\s&|;<>].*)")

# Time between two runs of a daily task on the day when the clock is put forward.
SHORTEST_DAY: Final = timedelta(hours=23)


class CrontabError(Exception):
    """A crontab that cannot be used: the message names the file, the line's number and the line."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """The command of a crontab with one name, and the schedules of its lines.

    `entry` is what the lines say after the schedule, `command` the part of it that bash runs, for at most `time_limit`
    (`6h`). Without one the command limits itself, as the scripts in `cron/tasks/` do.
    """

    name: str
    entry: str
    command: str
    time_limit: str | None = None
    schedules: tuple[str, ...]
    zone: ZoneInfo

    def next_time(self, after: datetime) -> datetime:
        """Return the next time after `after` when the task is due, in UTC. Clock changes count as in Debian's cron."""
        return min(next(self._times(schedule, after)) for schedule in self.schedules)

    def previous_time(self, at: datetime) -> datetime:
        """Return the last time, not after `at`, when the task was due, in UTC."""
        due = max(self._before(schedule, at) for schedule in self.schedules)
        # When the clock is put back, an earlier time of day can be a later moment.
        while (later := self.next_time(due)) <= at:
            due = later
        return due

    def is_rare(self, now: datetime) -> bool:
        """Return whether the task is due at most once a day."""
        times = sorted(time for schedule in self.schedules for time in islice(self._times(schedule, now), 8))
        return all(later - earlier >= SHORTEST_DAY for earlier, later in pairwise(times))

    def _times(self, schedule: str, after: datetime) -> Iterator[datetime]:
        return (time.astimezone(UTC) for time in CronSim(schedule, after.astimezone(self.zone)))

    def _before(self, schedule: str, at: datetime) -> datetime:
        just_after = at.astimezone(self.zone).replace(microsecond=1)
        return next(CronSim(schedule, just_after, reverse=True)).astimezone(UTC)


@dataclass(frozen=True, kw_only=True)
class Crontab:
    """A crontab's tasks by name, and the variables that it sets for them."""

    tasks: Mapping[str, Task]
    variables: Mapping[str, str]


def read_crontab(path: Path, *, zone: ZoneInfo) -> Crontab:
    """Return the crontab in the file. Raise CrontabError if the file cannot be read or a line is invalid."""
    try:
        text = path.read_text()
    except OSError as error:
        raise CrontabError(f"{path} cannot be read: {error.strerror}. Is the folder cron/ mounted?") from error
    return parse_crontab(text, path=path, zone=zone)


def parse_crontab(text: str, *, path: Path, zone: ZoneInfo) -> Crontab:
    """Parse the text of a crontab. Raise CrontabError if a line is invalid."""
    variables: dict[str, str] = {}
    tasks: dict[str, Task] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            _read_line(line.strip(), tasks, variables, zone=zone)
        except ValueError as error:
            raise CrontabError(f"{path}, line {number}: {error}: {line}") from None
    if variables.pop("SHELL", None) != WRAPPER:
        raise CrontabError(f"{path} must begin with SHELL={WRAPPER}: without it no run is recorded or alerted")
    return Crontab(tasks=tasks, variables=variables)


def task_name(entry: str) -> str:
    """Return the name under which an entry is recorded: `backup` for `backup 6h …` and for `/cron/tasks/backup.sh`."""
    return Path(entry.split(maxsplit=1)[0]).name.removesuffix(".sh")


def _read_line(line: str, tasks: dict[str, Task], variables: dict[str, str], *, zone: ZoneInfo) -> None:
    if not line or line.startswith("#"):
        return
    if variable := VARIABLE.fullmatch(line):
        name, value = variable.groups()
        if name in {"TZ", "CRON_TZ"}:
            raise ValueError("the time zone is TIME_ZONE in .env")
        variables[name] = value.strip("\"'")
        return
    task = _read_entry(line, zone=zone)
    if (known := tasks.get(task.name)) is not None:
        if known.entry != task.entry:
            raise ValueError(f"{task.name!r} has another command further up; give each command a name of its own")
        task = replace(known, schedules=(*known.schedules, *task.schedules))
    tasks[task.name] = task


def _read_entry(line: str, *, zone: ZoneInfo) -> Task:
    entry = ENTRY.fullmatch(line)
    if entry is None:
        raise ValueError("five fields of time and a command are needed")
    schedule, text = entry.groups()
    if SIXTH_FIELD.match(text):
        raise ValueError("more than five fields of time")
    if schedule.startswith("@"):
        if schedule not in NICKNAMES:
            raise ValueError(f"{schedule} is not one of {', '.join(NICKNAMES)}")
        schedule = NICKNAMES[schedule]
    try:
        next(CronSim(schedule, datetime(2000, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise ValueError(str(error)) from None
    except StopIteration:
        raise ValueError("this time never comes") from None
    return _task(without_former_script(text), schedule, zone=zone)


def _task(entry: str, schedule: str, *, zone: ZoneInfo) -> Task:
    command, time_limit = entry, None
    if limited := LIMITED.fullmatch(entry):
        time_limit, command = limited.group("time_limit", "command")
    return Task(
        name=task_name(entry), entry=entry, command=command, time_limit=time_limit, schedules=(schedule,), zone=zone
    )
