"""The names of backups."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from bedplate.backup.errors import WrongUseError
from bedplate.backup.names import BackupName, split_url
from hypothesis import given, settings
from hypothesis import strategies as some

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)


def test_names_of_one_second_are_in_the_order_of_time() -> None:
    moments = [NOW + timedelta(microseconds=offset) for offset in (0, 1, 15, 16, 4_095, 4_096, 999_999, 1_000_000)]
    names = [BackupName.new(project="acme", environment="prod", now=moment) for moment in moments]
    assert sorted(names) == names
    assert [BackupName.parse(str(name)) for name in names] == names


moments = some.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=some.just(UTC))  # noqa: DTZ001 - bounds
ends = some.text("0123456789abcdef", min_size=6, max_size=6)


def named(moment: datetime, end: str = "000000") -> BackupName:
    """Return a name of that second."""
    return BackupName.parse(f"v1/acme/prod/{moment:%Y%m%dT%H%M%SZ}-{end}")


@given(moments, moments, ends)
@settings(deadline=None, database=None)
def test_a_new_name_sorts_after_the_one_before_whatever_the_clock_says(
    now: datetime, earlier: datetime, end: str
) -> None:
    """Its time is the current one, or a microsecond after the previous name."""
    before = named(earlier, end)
    new = BackupName.new(project="acme", environment="prod", now=now, after=before)
    assert new > before
    assert new.moment == max(now, before.moment + timedelta(microseconds=1))
    assert BackupName.parse(str(new)) == new


def test_a_name_is_of_universal_time() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5)))
    assert BackupName.new(project="acme", environment="prod", now=there).created == NOW


@pytest.mark.parametrize(("ahead", "future"), [(-1, False), (0, False), (3600, False), (3601, True)])
def test_clocks_may_differ_by_an_hour(ahead: int, future: bool) -> None:
    assert named(NOW + timedelta(seconds=ahead)).is_in_the_future(NOW) == future


@pytest.mark.parametrize(
    "name",
    [
        "v1/acme/prod/20261350T000000Z-abcdef",
        "v1/acme/prod/00010101T000000Z-abcdef",
        "v1/acme/prod/19691231T235959Z-abcdef",
        "v1/acme/prod/99999999T999999Z-abcdef",
        "v1/acme/prod/2026-abcdef",
        "v2/acme/prod/20261124T000000Z-abcdef",
        "v1/acme/20261124T000000Z-abcdef",
        "v1/Acme/prod/20261124T000000Z-abcdef",
    ],
)
def test_what_is_no_name_is_wrong_use(name: str) -> None:
    with pytest.raises(WrongUseError, match=r"-l lists them"):
        split_url(f"gs://bucket/{name}")
