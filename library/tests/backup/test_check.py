"""`--check` raises the alarm only when the newest backup or verification is too old."""

from datetime import UTC, datetime, timedelta

import command
import pytest
from bedplate.backup.signatures import VERIFICATION
from bedplate.backup.verifications import Verification
from dated import alarm, moved, record
from project import Project

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=30)


def backup(project: Project, age: timedelta, *, verified: timedelta | None = None, passed: bool = True) -> str:
    """Make a backup of that age, perhaps with a verification of that age. Return its URL."""
    made = moved(project, project.back_up(), datetime.now(UTC) - age)
    if verified is not None:
        record(project, made.name, passed=passed, ago=verified)
    return f"{project.store.url}/{made.name}"


def test_a_recent_backup_with_a_recent_verification_passes(embedded: Project) -> None:
    """The command exits with 0, and prints a line."""
    backup(embedded, HOUR, verified=HOUR)
    result = command.run("--check")
    assert (result.returncode, result.stderr) == (0, "The newest backup and the newest verification are recent.\n")


def test_without_a_backup_it_is_an_alarm(embedded: Project) -> None:
    """The command exits with 1, and refers to the how-to."""
    result = command.run("--check")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "Failed: There is no backup. What to do: library/docs/how-to/backups.md\n"


@pytest.mark.parametrize(
    ("age", "verified", "said"),
    [
        (26 * HOUR - SECOND, HOUR, ""),
        (26 * HOUR + SECOND, HOUR, "The newest backup is 1 d old. What"),
        (-HOUR + SECOND, HOUR, ""),
        (HOUR, 72 * HOUR - SECOND, ""),
        (HOUR, 72 * HOUR + SECOND, "The newest verification by a drill is 3 d old. What"),
        (HOUR, None, "No backup is verified by a drill. What"),
        (30 * HOUR, 80 * HOUR, "The newest backup is 1 d old. The newest verification by a drill is 3 d old. What"),
    ],
)
def test_ages(embedded: Project, age: timedelta, verified: timedelta | None, said: str) -> None:
    """The limits are 26 hours for a backup, and three days for a verification."""
    backup(embedded, age, verified=verified)
    assert alarm(embedded).startswith(said)
    assert bool(alarm(embedded)) == bool(said)


@pytest.mark.parametrize(
    ("age", "verified", "said"),
    [
        (26 * HOUR, 72 * HOUR, ""),
        (26 * HOUR + timedelta(seconds=1), 72 * HOUR, "The newest backup is"),
        (26 * HOUR, 72 * HOUR + timedelta(seconds=1), "The newest verification by a drill is"),
        (26 * HOUR, -HOUR, ""),
        (26 * HOUR, -HOUR - timedelta(seconds=1), "No backup is verified by a drill."),
    ],
)
def test_the_limits_to_the_second(
    embedded: Project, monkeypatch: pytest.MonkeyPatch, age: timedelta, verified: timedelta, said: str
) -> None:
    """The maximum age passes; so does a verification that is as far in the future as clocks may differ."""
    made = embedded.back_up()
    now = made.name.created + age
    monkeypatch.setattr("bedplate.backup.session.Session.now", lambda _session: now)
    record(embedded, made.name, passed=True, ago=verified)
    assert alarm(embedded).startswith(said)
    assert bool(alarm(embedded)) == bool(said)


def test_the_newest_verification_counts_for_any_backup(embedded: Project) -> None:
    backup(embedded, HOUR)
    backup(embedded, 30 * HOUR, verified=29 * HOUR)
    backup(embedded, 60 * HOUR, verified=100 * HOUR)
    assert alarm(embedded) == ""


def test_a_failed_drill_on_the_newest_backup_is_an_alarm(embedded: Project) -> None:
    backup(embedded, HOUR, verified=HOUR, passed=False)
    backup(embedded, 30 * HOUR, verified=29 * HOUR)
    assert alarm(embedded).startswith("The drill on the newest backup failed: set by the test What to do")


def test_a_failed_drill_is_no_verification(embedded: Project) -> None:
    backup(embedded, HOUR)
    backup(embedded, 30 * HOUR, verified=29 * HOUR, passed=False)
    assert alarm(embedded).startswith("No backup is verified by a drill.")


def test_a_damaged_newest_backup_is_an_alarm_that_names_it(embedded: Project) -> None:
    backup(embedded, 2 * HOUR, verified=HOUR)
    damaged = backup(embedded, HOUR).removeprefix(f"{embedded.store.url}/")
    embedded.store.write(f"{damaged}/manifest.json", b"{}")
    assert alarm(embedded).startswith(f"{damaged}/manifest.json cannot be read")
    backup(embedded, timedelta(0))
    assert alarm(embedded) == ""


def test_other_environments_and_projects_count_for_nothing(embedded: Project) -> None:
    made = embedded.back_up()
    record(embedded, made.name, passed=True)
    moved(embedded, made, datetime.now(UTC), environment="prod")
    assert alarm(embedded).startswith("There is no backup.")


def test_a_backup_from_the_future_silences_nothing_and_is_named(embedded: Project) -> None:
    backup(embedded, 30 * HOUR, verified=HOUR)
    future = [backup(embedded, -30 * HOUR * number, verified=HOUR) for number in (2, 1)]
    said = alarm(embedded)
    assert said.startswith(
        f"Dated in the future, so not counted: {future[0]}, {future[1]}. The newest backup is 1 d old."
    )


def test_a_backup_from_the_future_is_an_alarm_beside_a_good_one(embedded: Project) -> None:
    backup(embedded, HOUR, verified=HOUR)
    future = backup(embedded, -2 * HOUR)
    assert (
        alarm(embedded) == f"Dated in the future, so not counted: {future}. What to do: library/docs/how-to/backups.md"
    )


def test_a_backup_from_the_future_alone_is_none(embedded: Project) -> None:
    backup(embedded, -2 * HOUR, verified=HOUR)
    assert "There is no backup." in alarm(embedded)


def test_a_verification_from_the_future_does_not_count(embedded: Project) -> None:
    backup(embedded, HOUR, verified=-2 * HOUR)
    assert alarm(embedded).startswith("No backup is verified by a drill.")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"at": "2026-01-01", "passed": true, "message": "", "number": 1, "manifest": ""}',
        b"[" * 99999,
    ],
)
def test_an_unreadable_verification_does_not_count(embedded: Project, text: bytes) -> None:
    """The same holds for one without a time zone, or whose result is not a boolean."""
    folder = backup(embedded, HOUR).removeprefix(f"{embedded.store.url}/")
    stored = f"{folder}/verification-1-{'0' * 16}.json"
    embedded.store.write(stored, text)
    embedded.store.write(f"{stored}.sig", embedded.configuration.trust.key.sign(text, VERIFICATION))
    assert alarm(embedded).startswith("No backup is verified by a drill.")


def test_a_result_is_a_boolean() -> None:
    assert (
        Verification.from_bytes(
            b'{"at": "2026-01-01T00:00:00+00:00", "passed": "no", "message": "", "number": 1, "manifest": ""}'
        )
        is None
    )
