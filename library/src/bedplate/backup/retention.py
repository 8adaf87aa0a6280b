"""Retention: the backups to keep and to remove, with reasons. That idea is restic's (snapshot_policy.go)."""

from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from bedplate.backup.names import BackupName

MISDATED: Final = "its date differs from the time it was stored: inspect it"
DATED_IN_THE_FUTURE: Final = "dated in the future: inspect it"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The number of days, weeks and months that keep their newest backup. Days begin at midnight of the time zone."""

    daily: int
    weekly: int
    monthly: int
    time_zone: str = "UTC"


@dataclass(frozen=True, kw_only=True)
class RetentionPlan:
    """The backups to keep and to remove, each with its reasons."""

    keep: dict[BackupName, list[str]] = field(default_factory=dict)
    remove: dict[BackupName, str] = field(default_factory=dict)


def plan(  # noqa: PLR0913 - the known facts about the backups
    backups: Iterable[BackupName],
    policy: Policy,
    *,
    now: datetime,
    verified: Collection[BackupName],
    failed: Collection[BackupName] = (),
    unsigned: Collection[BackupName] = (),
) -> RetentionPlan:
    """Return which of one environment's backups to keep, and which to remove.

    The newest backup is always kept, and so is the newest one that is verified. Of a day, week or month, the newest
    whose verification has not failed is kept beside a newer one that failed: a verification may be false. Backups dated
    in the future are kept, and do not count. Of a day, week or month that has signed ones, `unsigned` ones are not
    kept, and they do not count among the days, weeks and months of signed ones.
    """
    every = sorted(backups, reverse=True)
    newest_first = [backup for backup in every if not backup.is_in_the_future(now)]
    reasons: dict[BackupName, list[str]] = {
        backup: [DATED_IN_THE_FUTURE] if backup.is_in_the_future(now) else [] for backup in every
    }
    if newest_first:
        for newest in {newest_first[0], _signed(newest_first, unsigned)[0]}:
            reasons[newest].append("the newest")
    verified_backups = [backup for backup in newest_first if backup in verified and backup not in unsigned]
    if verified_backups:
        reasons[verified_backups[0]].append("the newest that is verified")
    for name, count, period in _rules(policy):
        kept = _newest_of_each(newest_first, period, failed, unsigned)
        signed = [backups for backups in kept if not backups <= set(unsigned)]
        for backup in {backup for backups in (*kept[:count], *signed[:count]) for backup in backups}:
            reasons[backup].append(name.format(period(backup)))
    return RetentionPlan(
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
    newest_first: list[BackupName],
    period: Callable[[BackupName], Hashable],
    failed: Collection[BackupName],
    unsigned: Collection[BackupName],
) -> list[set[BackupName]]:
    """Return for each period the newest backup, and the newest whose verification has not failed."""
    periods: dict[Hashable, list[BackupName]] = {}
    for backup in newest_first:
        periods.setdefault(period(backup), []).append(backup)
    found = []
    for backups in periods.values():
        candidates = _signed(backups, unsigned)
        good = [backup for backup in candidates if backup not in failed]
        found.append({candidates[0], *good[:1]})
    return found


def _signed(backups: list[BackupName], unsigned: Collection[BackupName]) -> list[BackupName]:
    """Return the signed backups; without any, all."""
    return [backup for backup in backups if backup not in unsigned] or backups


def _why_removed(policy: Policy) -> str:
    return f"not the newest of one of the last {policy.daily} days, {policy.weekly} weeks, {policy.monthly} months"
