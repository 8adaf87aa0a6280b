"""Results of drills: each is a signed object of its own, the last one counts, and false ones are ignored."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from bedplate.backup.errors import BackupError
from bedplate.backup.names import BackupName
from bedplate.backup.signatures import BACKUP, VERIFICATION, SigningKey
from bedplate.backup.stores import Store
from bedplate.backup.trust import Signer, Trust
from bedplate.backup.verifications import Verification, newest_verification, record_verification

NOW: Final = datetime(2026, 5, 5, 4, 30, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
NAME: Final = BackupName.new(project="app", environment="prod", now=NOW - HOUR)
MANIFEST: Final = "5e" * 32
OURS: Final = Trust(name="app/prod", keys=(SigningKey("ours"),))


@pytest.fixture(params=["folder_store", "google_store"])
def store(request: pytest.FixtureRequest) -> Store:
    """Return a store of each kind."""
    store: Store = request.getfixturevalue(request.param)
    return store


def verification(*, passed: bool, at: datetime = NOW, number: int = 0, manifest: str = MANIFEST) -> Verification:
    """Return the result of a drill."""
    return Verification(at=at, passed=passed, message="set by the test", number=number, manifest=manifest)


def newest(store: Store, trust: Trust = OURS) -> bool | None:
    """Return whether the last drill passed; None without one."""
    found = newest_verification(store, NAME, manifest=MANIFEST, trust=trust)
    return found.passed if found else None


def record(store: Store, found: Verification, trust: Trust = OURS) -> None:
    """Record a verification."""
    record_verification(store, NAME, found, trust=trust)


def write(store: Store, number: int, data: bytes, *, key: SigningKey = OURS.key, purpose: str = VERIFICATION) -> None:
    """Write data into the store as a signed verification."""
    name = NAME.object(f"verification-{number}-{'0' * 16}.json")
    store.write(name, data)
    store.write(f"{name}.sig", key.sign(data, purpose))


def test_without_a_drill_there_is_no_result(store: Store) -> None:
    assert newest(store) is None


def test_the_last_result_counts_and_none_is_replaced(store: Store) -> None:
    recorded: dict[str, bytes] = {}
    for number in range(4):
        found = verification(passed=number % 2 == 0, at=NOW + number * HOUR)
        record(store, found)
        assert newest_verification(store, NAME, manifest=MANIFEST, trust=OURS) == replace(found, number=number + 1)
        objects = {stored.name: store.read(stored.name)[0] for stored in store.list("v1/")}
        assert recorded.items() <= objects.items()
        assert len(objects) == 2 * (number + 1)
        recorded = objects


@pytest.mark.parametrize("before", [timedelta(0), HOUR, timedelta(days=4000)])
def test_a_clock_that_was_set_back_hides_no_result(folder_store: Store, before: timedelta) -> None:
    for number, passed in enumerate((True, False, True)):
        record(folder_store, verification(passed=passed, at=NOW - number * before))
        assert newest(folder_store) is passed


def test_one_that_is_copied_to_another_name_is_no_newer_one(folder_store: Store) -> None:
    """An account that may only create objects can make such a copy."""
    record(folder_store, verification(passed=False))
    [first] = [stored.name for stored in folder_store.list("v1/") if stored.name.endswith(".json")]
    record(folder_store, verification(passed=True))
    for name in (f"verification-3-{'f' * 16}.json", f"verification-1-{'f' * 16}.json"):
        for end in ("", ".sig"):
            folder_store.write(NAME.object(f"{name}{end}"), folder_store.read(f"{first}{end}")[0])
    assert newest(folder_store) is True


@pytest.mark.parametrize(
    ("passed", "key", "purpose", "manifest"),
    [
        (True, SigningKey("another"), VERIFICATION, MANIFEST),
        (False, SigningKey("another"), VERIFICATION, MANIFEST),
        (True, OURS.key, BACKUP, MANIFEST),
        (True, OURS.key, VERIFICATION, "00" * 32),
    ],
    ids=["unknown key", "unknown key, failed", "signed as something else", "of another manifest"],
)
def test_a_false_one_counts_for_nothing(
    folder_store: Store, passed: bool, key: SigningKey, purpose: str, manifest: str
) -> None:
    write(
        folder_store, 7, verification(passed=passed, number=7, manifest=manifest).to_bytes(), key=key, purpose=purpose
    )
    assert newest(folder_store) is None
    record(folder_store, verification(passed=not passed))
    assert newest(folder_store) is not passed


def test_without_a_next_number_recording_fails(folder_store: Store) -> None:
    write(folder_store, 1_000_000, verification(passed=True, number=1_000_000).to_bytes())
    assert newest(folder_store) is None
    write(folder_store, 999_999, verification(passed=True, number=999_999).to_bytes())
    with pytest.raises(BackupError, match="has no number left"):
        record(folder_store, verification(passed=False))


def test_one_without_a_signature_counts_for_nothing(folder_store: Store) -> None:
    """The same holds for those of earlier releases."""
    data = verification(passed=True, number=1).to_bytes()
    folder_store.write(NAME.object("verification.json"), data)
    folder_store.write(NAME.object(f"verification-1-{'0' * 16}.json"), data)
    assert newest(folder_store) is None


@pytest.mark.parametrize(
    ("name", "purpose", "trusted"),
    [
        ("app/prod", None, True),
        ("app/prod", VERIFICATION, True),
        ("app/prod", BACKUP, False),
        ("app/dev", None, False),
        ("another/prod", None, False),
    ],
)
def test_another_environment_may_verify_if_the_project_names_it(
    folder_store: Store, name: str, purpose: str | None, trusted: bool
) -> None:
    """It can read the encrypted backups: its line has the name of the environment that is verified."""
    verifier = Trust(name="app/dev", keys=(SigningKey("dev"),))
    record(folder_store, verification(passed=True), verifier)
    assert newest(folder_store) is None
    purposes = frozenset({purpose}) if purpose else None
    signer = Signer(names=frozenset({name}), public=verifier.key.public, purposes=purposes)
    assert newest(folder_store, replace(OURS, signers=(signer,))) is (True if trusted else None)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"[" * 99_999, b'{"at": "9999-12-31T23:59:59.999999+00:00"}'])
def test_one_that_cannot_be_read_hides_no_other(folder_store: Store, data: bytes) -> None:
    record(folder_store, verification(passed=True))
    write(folder_store, 2, data)
    assert newest(folder_store) is True


@pytest.mark.parametrize(
    "name", ["verification-.json", f"verification-x-{'0' * 16}.json", "verification-1-0.json", "verification-1.json"]
)
def test_other_names_than_verifications_are_ignored(folder_store: Store, name: str) -> None:
    data = verification(passed=False, number=1).to_bytes()
    folder_store.write(NAME.object(name), data)
    folder_store.write(NAME.object(f"{name}.sig"), OURS.key.sign(data, VERIFICATION))
    assert newest(folder_store) is None
