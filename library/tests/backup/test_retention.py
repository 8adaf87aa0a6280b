"""Retention: its guarantees for any backups and policy, and the result of a year of nights."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from bedplate.backup.names import BackupName
from bedplate.backup.retention import Policy, RetentionPlan, plan
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

# A busy machine must not fail the tests.
settings.register_profile("patient", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

NOW = datetime(2027, 1, 1, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "Pacific/Kiritimati", "America/St_Johns")


def backup(created: datetime, number: int = 0) -> BackupName:
    """Return a backup's name."""
    return BackupName.parse(f"v1/shop/prod/{created.astimezone(UTC):%Y%m%dT%H%M%SZ}-{number:06x}")


moments = some.datetimes(datetime(2023, 1, 1), datetime(2026, 12, 31), timezones=some.just(UTC))  # noqa: DTZ001 - bounds
names = some.sets(some.builds(backup, moments, some.integers(0, 3)), max_size=60)
counts = some.integers(0, 20)
policies = some.builds(
    Policy, daily=some.integers(1, 20), weekly=counts, monthly=counts, time_zone=some.sampled_from(ZONES)
)


@given(names, policies)
def test_every_backup_is_kept_or_removed_with_a_reason(backups: set[BackupName], policy: Policy) -> None:
    decided = plan(backups, policy, now=NOW, verified=[])
    assert decided.keep.keys() | decided.remove.keys() == backups
    assert not decided.keep.keys() & decided.remove.keys()
    assert all(decided.keep.values())
    assert all(decided.remove.values())


@given(names, policies, some.randoms())
def test_the_newest_and_the_newest_verified_are_kept(backups: set[BackupName], policy: Policy, chance: Random) -> None:
    verified = {name for name in backups if chance.random() < 0.2}
    keep = plan(backups, policy, now=NOW, verified=verified).keep
    for important in (backups, verified):
        if important:
            assert max(important) in keep


@given(names, policies, some.randoms())
def test_no_more_is_kept_than_the_policy_says(backups: set[BackupName], policy: Policy, chance: Random) -> None:
    verified = {name for name in backups if chance.random() < 0.2}
    assert (
        len(plan(backups, policy, now=NOW, verified=verified).keep) <= policy.daily + policy.weekly + policy.monthly + 2
    )


@given(names, policies)
def test_each_of_the_last_days_keeps_one(backups: set[BackupName], policy: Policy) -> None:
    keep = plan(backups, policy, now=NOW, verified=[]).keep
    days = {name: name.created.astimezone(ZoneInfo(policy.time_zone)).date() for name in backups}
    for day in sorted(set(days.values()), reverse=True)[: policy.daily]:
        assert max(name for name in backups if days[name] == day) in keep


@given(names, policies, some.randoms())
def test_pruning_again_removes_nothing_more(backups: set[BackupName], policy: Policy, chance: Random) -> None:
    verified = {name for name in backups if chance.random() < 0.2}
    kept = plan(backups, policy, now=NOW, verified=verified).keep
    assert not plan(kept, policy, now=NOW, verified=verified & kept.keys()).remove


@given(names, policies)
def test_keeping_more_removes_nothing_that_keeping_less_keeps(backups: set[BackupName], policy: Policy) -> None:
    more = Policy(
        daily=policy.daily + 1, weekly=policy.weekly + 1, monthly=policy.monthly + 1, time_zone=policy.time_zone
    )
    assert (
        plan(backups, policy, now=NOW, verified=[]).keep.keys() <= plan(backups, more, now=NOW, verified=[]).keep.keys()
    )


@given(names, policies, moments)
def test_a_newer_backup_brings_no_older_one_back(backups: set[BackupName], policy: Policy, moment: datetime) -> None:
    before = plan(backups, policy, now=NOW, verified=[])
    newer = backup(max([moment, *(name.created for name in backups)]) + timedelta(seconds=1))
    after = plan({*backups, newer}, policy, now=NOW, verified=[])
    assert before.remove.keys() <= after.remove.keys()


@given(names, policies, some.randoms())
def test_a_failed_backup_is_never_preferred_to_an_earlier_good_one(
    backups: set[BackupName], policy: Policy, chance: Random
) -> None:
    """In each of the last days, weeks and months, the newest backup that has not failed is kept, if it exists."""
    failed = {name for name in backups if chance.random() < 0.4}
    keep = plan(backups, policy, now=NOW, verified=[], failed=failed).keep
    for count, form in ((policy.daily, "%Y-%m-%d"), (policy.weekly, "%G-W%V"), (policy.monthly, "%Y-%m")):
        periods: dict[str, list[BackupName]] = {}
        for name in backups:
            periods.setdefault(name.created.astimezone(ZoneInfo(policy.time_zone)).strftime(form), []).append(name)
        for period in sorted(periods, reverse=True)[:count]:
            good = [name for name in periods[period] if name not in failed]
            assert max(good or periods[period]) in keep


@given(names, policies, some.randoms())
def test_pruning_again_removes_nothing_more_whatever_failed(
    backups: set[BackupName], policy: Policy, chance: Random
) -> None:
    failed = {name for name in backups if chance.random() < 0.4}
    verified = {name for name in backups - failed if chance.random() < 0.2}
    kept = plan(backups, policy, now=NOW, verified=verified, failed=failed).keep
    again = plan(kept, policy, now=NOW, verified=verified & kept.keys(), failed=failed & kept.keys())
    assert not again.remove


@given(names, policies, moments)
def test_what_is_dated_in_the_future_is_kept_and_changes_nothing(
    backups: set[BackupName], policy: Policy, now: datetime
) -> None:
    """Even a verified one changes nothing: the same backups are kept, for the same reasons."""
    future = {name for name in backups if name.created > now + timedelta(hours=1)}
    decided = plan(backups, policy, now=now, verified=future)
    without = plan(backups - future, policy, now=now, verified=[])
    assert decided.remove == without.remove
    assert decided.keep == without.keep | {name: ["dated in the future: inspect it"] for name in future}


def test_reasons_and_the_day_of_a_failed_backup() -> None:
    """The morning's good backup is kept beside the evening's failed one, which is the newest; noon's is removed."""
    morning, noon, evening = (backup(datetime(2026, 5, 5, hour, tzinfo=UTC)) for hour in (6, 12, 18))
    policy = Policy(daily=1, weekly=1, monthly=1)
    decided = plan([morning, noon, evening], policy, now=NOW, verified=[morning], failed=[noon, evening])
    assert decided.keep == {
        evening: [
            "the newest",
            "newest of the day 2026-05-05",
            "newest of the week 2026-W19",
            "newest of the month 2026-05",
        ],
        morning: [
            "the newest that is verified",
            "newest of the day 2026-05-05",
            "newest of the week 2026-W19",
            "newest of the month 2026-05",
        ],
    }
    assert decided.remove == {noon: "not the newest of one of the last 1 days, 1 weeks, 1 months"}


@given(names, policies, some.randoms())
def test_no_failed_verification_removes_a_backup(backups: set[BackupName], policy: Policy, chance: Random) -> None:
    """Anyone with write access can record a failed verification: it must not remove any backup."""
    failed = {name for name in backups if chance.random() < 0.4}
    without = plan(backups, policy, now=NOW, verified=[])
    assert without.keep.keys() <= plan(backups, policy, now=NOW, verified=[], failed=failed).keep.keys()


def test_without_backups_there_is_nothing_to_decide() -> None:
    assert plan([], Policy(daily=1, weekly=1, monthly=1), now=NOW, verified=[]) == RetentionPlan()


def test_days_begin_at_midnight_of_the_time_zone() -> None:
    """It holds on days when the clock changes: the night of 27 October 2024 in Berlin has 25 hours."""
    evening, night, next_night = (
        backup(datetime.fromisoformat(moment))
        for moment in ("2024-10-26T21:30:00Z", "2024-10-26T22:30:00Z", "2024-10-27T23:30:00Z")
    )
    policy = Policy(daily=9, weekly=0, monthly=0, time_zone="Europe/Berlin")
    assert set(plan([evening, night, next_night], policy, now=NOW, verified=[]).keep) == {evening, night, next_night}
    utc = Policy(daily=9, weekly=0, monthly=0)
    assert set(plan([evening, night, next_night], utc, now=NOW, verified=[]).keep) == {night, next_night}


def test_a_year_of_nights() -> None:
    """Each night has one backup and its pruning; every tenth is missed, and drills stop working in October."""
    policy = Policy(daily=14, weekly=8, monthly=12, time_zone="Europe/Berlin")
    there: set[BackupName] = set()
    verified: set[BackupName] = set()
    for number in range(365):
        night = datetime(2025, 1, 1, 3, tzinfo=ZoneInfo("Europe/Berlin")) + timedelta(days=number)
        if number % 10 == 9:
            continue
        there.add(backup(night))
        if night.month < 10:
            verified.add(backup(night))
        there = set(plan(there, policy, now=NOW, verified=verified & there).keep)
    nights = sorted(name.created.astimezone(ZoneInfo("Europe/Berlin")).date() for name in there)
    december = [date(2025, 12, day) for day in range(17, 32) if day != 26]
    assert [night for night in nights if night >= date(2025, 12, 15)] == december
    ends_of_weeks = [date(2025, 11, 15), date(2025, 11, 23), date(2025, 11, 30), date(2025, 12, 7), date(2025, 12, 14)]
    assert set(ends_of_weeks) <= set(nights)
    ends_of_months = [max(night for night in nights if night.month == month) for month in range(1, 12)]
    assert all(night.day >= 27 for night in ends_of_months)
    assert len(nights) == len({*december, *ends_of_weeks, *ends_of_months})
