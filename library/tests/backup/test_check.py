"""`--check` raises the alarm when the newest backup or proof is too old, and only then."""

from datetime import UTC, datetime, timedelta

import command
import pytest
from bedplate.backup.errors import BackupError
from bedplate.backup.manifest import Verification
from bedplate.backup.names import VERIFICATION
from bedplate.backup.verbs.check import check
from dated import moved, record
from project import Project

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=30)


def alarm(project: Project) -> str:
    """Return what the check says is wrong; nothing when all is well."""
    try:
        check(project.session)
    except BackupError as error:
        return str(error)
    return ""


def backup(project: Project, age: timedelta, *, proven: timedelta | None = None, passed: bool = True) -> str:
    """Make a backup of that age, with a proof of that age perhaps. Return its URL."""
    made = moved(project, project.back_up(), datetime.now(UTC) - age)
    if proven is not None:
        record(project, made.name, passed=passed, ago=proven)
    return f"{project.store.url}/{made.name}"


def test_a_recent_backup_with_a_recent_proof_is_well(embedded: Project) -> None:
    """From outside: exit status 0, and a line that says so."""
    backup(embedded, HOUR, proven=HOUR)
    result = command.run("--check")
    assert (result.returncode, result.stderr) == (0, "The newest backup and its proof are recent.\n")


def test_without_a_backup_it_is_an_alarm(embedded: Project) -> None:
    """From outside: exit status 1, and where to read on."""
    result = command.run("--check")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "Failed: There is no backup. What to do: library/docs/how-to/backups.md\n"


@pytest.mark.parametrize(
    ("age", "proven", "said"),
    [
        (26 * HOUR - SECOND, HOUR, ""),
        (26 * HOUR + SECOND, HOUR, "The newest backup is 1 d old. What"),
        (-HOUR + SECOND, HOUR, ""),
        (HOUR, 72 * HOUR - SECOND, ""),
        (HOUR, 72 * HOUR + SECOND, "The newest proof by a drill is 3 d old. What"),
        (HOUR, None, "No backup is proven by a drill. What"),
        (30 * HOUR, 80 * HOUR, "The newest backup is 1 d old. The newest proof by a drill is 3 d old. What"),
    ],
)
def test_ages(embedded: Project, age: timedelta, proven: timedelta | None, said: str) -> None:
    """26 hours for a backup, three days for a proof."""
    backup(embedded, age, proven=proven)
    assert alarm(embedded).startswith(said)
    assert bool(alarm(embedded)) == bool(said)


@pytest.mark.parametrize(
    ("age", "proven", "said"),
    [
        (26 * HOUR, 72 * HOUR, ""),
        (26 * HOUR + timedelta(seconds=1), 72 * HOUR, "The newest backup is"),
        (26 * HOUR, 72 * HOUR + timedelta(seconds=1), "The newest proof by a drill is"),
        (26 * HOUR, -HOUR, ""),
        (26 * HOUR, -HOUR - timedelta(seconds=1), "No backup is proven by a drill."),
    ],
)
def test_the_limits_to_the_second(
    embedded: Project, monkeypatch: pytest.MonkeyPatch, age: timedelta, proven: timedelta, said: str
) -> None:
    """What is as old as it may be is well; so is a proof that is as far ahead as clocks may differ."""
    made = embedded.back_up()
    now = made.name.created + age
    monkeypatch.setattr("bedplate.backup.session.Session.now", lambda _session: now)
    record(embedded, made.name, passed=True, ago=proven)
    assert alarm(embedded).startswith(said)
    assert bool(alarm(embedded)) == bool(said)


def test_the_newest_proof_counts_whatever_backup_it_is_of(embedded: Project) -> None:
    backup(embedded, HOUR)
    backup(embedded, 30 * HOUR, proven=29 * HOUR)
    backup(embedded, 60 * HOUR, proven=100 * HOUR)
    assert alarm(embedded) == ""


def test_a_failed_drill_on_the_newest_backup_is_an_alarm(embedded: Project) -> None:
    backup(embedded, HOUR, proven=HOUR, passed=False)
    backup(embedded, 30 * HOUR, proven=29 * HOUR)
    assert alarm(embedded).startswith("The drill on the newest backup failed: told so by the test What to do")


def test_a_failed_drill_is_no_proof(embedded: Project) -> None:
    backup(embedded, HOUR)
    backup(embedded, 30 * HOUR, proven=29 * HOUR, passed=False)
    assert alarm(embedded).startswith("No backup is proven by a drill.")


def test_a_damaged_newest_backup_is_an_alarm_that_names_it(embedded: Project) -> None:
    backup(embedded, 2 * HOUR, proven=HOUR)
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
    backup(embedded, 30 * HOUR, proven=HOUR)
    future = [backup(embedded, -30 * HOUR * number, proven=HOUR) for number in (2, 1)]
    said = alarm(embedded)
    assert said.startswith(
        f"Dated in the future, so not counted: {future[0]}, {future[1]}. The newest backup is 1 d old."
    )


def test_a_backup_from_the_future_is_an_alarm_beside_a_good_one(embedded: Project) -> None:
    backup(embedded, HOUR, proven=HOUR)
    future = backup(embedded, -2 * HOUR)
    assert (
        alarm(embedded) == f"Dated in the future, so not counted: {future}. What to do: library/docs/how-to/backups.md"
    )


def test_a_backup_from_the_future_alone_is_none(embedded: Project) -> None:
    backup(embedded, -2 * HOUR, proven=HOUR)
    assert "There is no backup." in alarm(embedded)


def test_a_proof_from_the_future_is_none(embedded: Project) -> None:
    backup(embedded, HOUR, proven=-2 * HOUR)
    assert alarm(embedded).startswith("No backup is proven by a drill.")


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"at": "2026-01-01", "passed": true, "message": ""}', b"[" * 99999]
)
def test_a_proof_that_cannot_be_read_proves_nothing(embedded: Project, text: bytes) -> None:
    """Nor does one without a time zone, or whose verdict is no truth value."""
    url = backup(embedded, HOUR)
    embedded.store.write(f"{url.removeprefix(embedded.store.url + '/')}/{VERIFICATION}", text)
    assert alarm(embedded).startswith("No backup is proven by a drill.")


def test_a_verdict_is_a_truth_value() -> None:
    assert Verification.from_bytes(b'{"at": "2026-01-01T00:00:00+00:00", "passed": "no", "message": ""}') is None
