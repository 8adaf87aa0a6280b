"""The crontab: which tasks there are, and when each is due. Nothing here runs anything."""

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

CRONTAB: Final = Path("/cron/crontab")
RECORDER: Final = "/cron/recorded"

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

# Between two runs of a daily task, on the day that the clock is put forward.
SHORTEST_DAY: Final = timedelta(hours=23)


class CrontabError(Exception):
    """A crontab that cannot be used: the message names the file, the line's number and the line."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a crontab runs under one name: a command, and the schedules of its lines."""

    name: str
    command: str
    schedules: tuple[str, ...]
    zone: ZoneInfo

    def next_time(self, after: datetime) -> datetime:
        """Return when the task is due next, in UTC, as Debian's cron has it on the days that the clock changes."""
        return min(next(self._times(schedule, after)) for schedule in self.schedules)

    def previous_time(self, at: datetime) -> datetime:
        """Return when the task was due last, at that moment or before it, in UTC."""
        due = max(self._before(schedule, at) for schedule in self.schedules)
        # Where the clock was put back, what is before a time of day need not be before it in time.
        while (later := self.next_time(due)) <= at:
            due = later
        return due

    def is_rare(self, now: datetime) -> bool:
        """Return whether the task is due once a day at most."""
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
    """Return the crontab in the file; raise CrontabError if there is none, or a line of it cannot be used."""
    try:
        text = path.read_text()
    except OSError as error:
        raise CrontabError(f"{path} cannot be read: {error.strerror}. Is the folder cron/ mounted?") from error
    return parse_crontab(text, path=path, zone=zone)


def parse_crontab(text: str, *, path: Path, zone: ZoneInfo) -> Crontab:
    """Return the crontab that the text is; raise CrontabError if a line cannot be used."""
    variables: dict[str, str] = {}
    tasks: dict[str, Task] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            _read_line(line.strip(), tasks, variables, zone=zone)
        except ValueError as error:
            raise CrontabError(f"{path}, line {number}: {error}: {line}") from None
    if variables.pop("SHELL", None) != RECORDER:
        raise CrontabError(f"{path} must begin with SHELL={RECORDER}: without it no run is recorded or alerted")
    return Crontab(tasks=tasks, variables=variables)


def task_name(command: str) -> str:
    """Return the name under which a command is recorded: `backup` for `/cron/tasks/backup.sh`."""
    return Path(command.split(maxsplit=1)[0]).name.removesuffix(".sh")


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
        if known.command != task.command:
            raise ValueError(f"{task.name!r} has another command further up; give each command a script of its own")
        task = replace(known, schedules=(*known.schedules, *task.schedules))
    tasks[task.name] = task


def _read_entry(line: str, *, zone: ZoneInfo) -> Task:
    entry = ENTRY.fullmatch(line)
    if entry is None:
        raise ValueError("five fields of time and a command are needed")
    schedule, command = entry.groups()
    if SIXTH_FIELD.match(command):
        raise ValueError("more than five fields of time")
    if schedule.startswith("@"):
        if schedule not in NICKNAMES:
            raise ValueError(f"{schedule} is none of {', '.join(NICKNAMES)}")
        schedule = NICKNAMES[schedule]
    try:
        next(CronSim(schedule, datetime(2000, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise ValueError(str(error)) from None
    except StopIteration:
        raise ValueError("this time never comes") from None
    return Task(name=task_name(command), command=command, schedules=(schedule,), zone=zone)
