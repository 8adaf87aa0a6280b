"""Verdicts of drills: each is an object of its own, the last one counts, and release 1.0 reads the first."""

from datetime import UTC, datetime, timedelta

import pytest
from bedplate.backup.manifest import Verification
from bedplate.backup.names import BackupName
from bedplate.backup.stores import Store
from bedplate.backup.verdicts import newest_verdict, record_verdict

NOW = datetime(2026, 5, 5, 4, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAME = BackupName.new(project="app", environment="prod", now=NOW - HOUR)
FIRST = NAME.object("verification.json")


@pytest.fixture(params=["folder_store", "google_store"])
def store(request: pytest.FixtureRequest) -> Store:
    """Return a store of each kind."""
    store: Store = request.getfixturevalue(request.param)
    return store


def verdict(*, passed: bool, at: datetime = NOW) -> Verification:
    """Return what a drill found."""
    return Verification(at=at, passed=passed, message="told so by the test")


def test_without_a_drill_there_is_no_verdict(store: Store) -> None:
    assert newest_verdict(store, NAME) is None


def test_the_last_verdict_counts_and_none_is_replaced(store: Store) -> None:
    """The first has the name that release 1.0 knows."""
    recorded: dict[str, bytes] = {}
    for number in range(4):
        found = verdict(passed=number % 2 == 0, at=NOW + number * HOUR)
        record_verdict(store, NAME, found)
        assert newest_verdict(store, NAME) == found
        objects = {stored.name: store.read(stored.name)[0] for stored in store.list("v1/")}
        assert recorded.items() <= objects.items()
        assert len(objects) == number + 1
        recorded = objects
    assert Verification.from_bytes(recorded[FIRST]) == verdict(passed=True)


@pytest.mark.parametrize("before", [timedelta(0), HOUR, timedelta(days=4000)])
def test_a_clock_that_was_set_back_hides_no_verdict(folder_store: Store, before: timedelta) -> None:
    for number, passed in enumerate((True, False, True)):
        found = verdict(passed=passed, at=NOW - number * before)
        record_verdict(folder_store, NAME, found)
        assert newest_verdict(folder_store, NAME) == found


def test_what_a_release_before_found_after_a_roll_back_counts(folder_store: Store) -> None:
    """It replaces the first object; then the newer release verifies again."""
    record_verdict(folder_store, NAME, verdict(passed=True))
    record_verdict(folder_store, NAME, verdict(passed=True, at=NOW + HOUR))
    rolled_back = verdict(passed=False, at=NOW + 2 * HOUR)
    folder_store.write(FIRST, rolled_back.to_bytes())
    assert newest_verdict(folder_store, NAME) == rolled_back
    again = verdict(passed=True, at=NOW + 3 * HOUR)
    record_verdict(folder_store, NAME, again)
    assert newest_verdict(folder_store, NAME) == again


@pytest.mark.parametrize("first", [b"", b"{}", b"[]", b'{"at": "9999-12-31T23:59:59.999999+00:00", "passed": true}'])
def test_a_first_verdict_that_cannot_be_read_hides_no_later_one(folder_store: Store, first: bytes) -> None:
    folder_store.write(FIRST, first)
    assert newest_verdict(folder_store, NAME) is None
    found = verdict(passed=True)
    record_verdict(folder_store, NAME, found)
    assert newest_verdict(folder_store, NAME) == found


def test_a_verdict_from_the_end_of_time_stops_no_drill(folder_store: Store) -> None:
    """It cannot have been a clock; who edited it proves nothing that the check would count."""
    end = datetime.max.replace(tzinfo=UTC)
    folder_store.write(FIRST, verdict(passed=False, at=end).to_bytes())
    record_verdict(folder_store, NAME, verdict(passed=True))
    assert len(list(folder_store.list("v1/"))) == 2


@pytest.mark.parametrize("name", ["verification-29991231T235959999999Z-00000000.json", "verification.json"])
def test_a_verdict_with_a_false_time_is_outdated_by_the_next(google_store: Store, name: str) -> None:
    """By the time at which each came into the store, which is Google's to say."""
    end = datetime.max.replace(tzinfo=UTC)
    google_store.write(NAME.object(name), verdict(passed=True, at=end).to_bytes())
    found = verdict(passed=False)
    record_verdict(google_store, NAME, found)
    assert newest_verdict(google_store, NAME) == found
    record_verdict(google_store, NAME, verdict(passed=True))
    assert newest_verdict(google_store, NAME) == verdict(passed=True)


@pytest.mark.parametrize(
    "name",
    [
        "verification-.json",
        "verification-20261345T000000000000Z-00000000.json",
        "verification-99991231T235959999999Z-00000000.json",
        "verification-20260505T043000000000Z-0000000g.json",
    ],
)
def test_names_that_are_no_verdicts_count_for_nothing(folder_store: Store, name: str) -> None:
    folder_store.write(NAME.object(name), verdict(passed=False).to_bytes())
    assert newest_verdict(folder_store, NAME) is None
    found = verdict(passed=True)
    record_verdict(folder_store, NAME, found)
    assert newest_verdict(folder_store, NAME) == found
