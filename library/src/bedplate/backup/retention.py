"""Which backups are kept, which removed, and why. The idea of giving reasons is restic's (snapshot_policy.go)."""

from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from bedplate.backup.names import BackupName

MISDATED: Final = "dated otherwise than it was stored: for people to look at"
DATED_IN_THE_FUTURE: Final = "dated in the future: for people to look at"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Of how many days, weeks and months the newest backup is kept. Days begin at midnight of the time zone."""

    daily: int
    weekly: int
    monthly: int
    time_zone: str = "UTC"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What retention keeps and removes, each with its reasons."""

    keep: dict[BackupName, list[str]] = field(default_factory=dict)
    remove: dict[BackupName, str] = field(default_factory=dict)


def plan(
    backups: Iterable[BackupName],
    policy: Policy,
    *,
    now: datetime,
    verified: Collection[BackupName],
    failed: Collection[BackupName] = (),
) -> Plan:
    """Return what to keep of one environment's backups, and what to remove.

    The newest backup is always kept, and so is the newest one that is verified. Of a day, week or month, the newest
    whose verification has not failed is kept beside a newer one that failed: a verdict may be false. Those dated in the
    future are kept, and count for nothing.
    """
    every = sorted(backups, reverse=True)
    newest_first = [backup for backup in every if not backup.is_in_the_future(now)]
    reasons: dict[BackupName, list[str]] = {
        backup: [DATED_IN_THE_FUTURE] if backup.is_in_the_future(now) else [] for backup in every
    }
    if newest_first:
        reasons[newest_first[0]].append("the newest")
    proven = [backup for backup in newest_first if backup in verified]
    if proven:
        reasons[proven[0]].append("the newest that is verified")
    for name, count, period in _rules(policy):
        for kept in _newest_of_each(newest_first, period, failed)[:count]:
            for backup in kept:
                reasons[backup].append(name.format(period(backup)))
    return Plan(
        keep={backup: why for backup, why in reasons.items() if why},
        remove={backup: _why_removed(policy) for backup, why in reasons.items() if not why},
    )


def _rules(policy: Policy) -> list[tuple[str, int, Callable[[BackupName], str]]]:
    zone = ZoneInfo(policy.time_zone)

    def local(backup: BackupName) -> datetime:
        return backup.created.astimezone(zone)

    return [
        ("newest of the day {}", policy.daily, lambda backup: f"{local(backup):%Y-%m-%d}"),
        ("newest of the week {}", policy.weekly, lambda backup: f"{local(backup):%G-W%V}"),
        ("newest of the month {}", policy.monthly, lambda backup: f"{local(backup):%Y-%m}"),
    ]


def _newest_of_each(
    newest_first: list[BackupName], period: Callable[[BackupName], Hashable], failed: Collection[BackupName]
) -> list[set[BackupName]]:
    """Return for each period the newest backup, and the newest whose verification has not failed."""
    every: dict[Hashable, BackupName] = {}
    good: dict[Hashable, BackupName] = {}
    for backup in newest_first:
        every.setdefault(period(backup), backup)
        if backup not in failed:
            good.setdefault(period(backup), backup)
    return [{newest, good.get(when, newest)} for when, newest in every.items()]


def _why_removed(policy: Policy) -> str:
    return f"not the newest of one of the last {policy.daily} days, {policy.weekly} weeks, {policy.monthly} months"
