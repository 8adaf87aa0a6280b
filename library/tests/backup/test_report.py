"""The report of backups to the project's database, for the page about operations."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bedplate.backup import actions, report
from bedplate.backup.errors import BackupError, StaleBackupsError, UnusableBackupError
from bedplate.backup.names import BackupName
from bedplate.backup.session import Session
from dated import moved, record
from project import Project

HOUR = timedelta(hours=1)


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[BackupName, float]]:
    """Return the list of the durations in each report of a command."""
    reports: list[Mapping[BackupName, float]] = []

    def add(_session: Session, *, seconds: Mapping[BackupName, float] | None = None) -> None:
        reports.append(seconds or {})

    monkeypatch.setattr(actions, "report_backups", add)
    return reports


def test_it_has_the_sizes_and_the_last_verification(embedded: Project) -> None:
    """The duration is only in the report of the command that made the backup: later ones leave it as it is."""
    manifest = embedded.back_up()
    first = report.report(embedded.session, seconds={manifest.name: 2.34})
    assert [(found["name"], found["size"], found["seconds"]) for found in first] == [
        (str(manifest.name), manifest.size, 2.3)
    ]
    assert (first[0]["verified"], first[0]["passed"], first[0]["message"]) == (None, None, "")
    record(embedded, manifest.name, passed=True, ago=HOUR)
    (later,) = report.report(embedded.session, seconds={})
    assert later["passed"] is True
    assert datetime.now(UTC) - datetime.fromisoformat(later["verified"]) >= HOUR
    assert "seconds" not in later


def test_it_has_only_backups_that_count(embedded: Project) -> None:
    """A backup that is dated in the future is not reported, and the newest is the first."""
    moved(embedded, embedded.back_up(), datetime.now(UTC) + 48 * HOUR)
    older = moved(embedded, embedded.back_up(), datetime.now(UTC) - 2 * HOUR)
    newer = moved(embedded, embedded.back_up(), datetime.now(UTC) - HOUR)
    assert [found["name"] for found in report.report(embedded.session, seconds={})] == [
        str(newer.name),
        str(older.name),
    ]


def test_a_message_is_one_short_line() -> None:
    """The message of a drill may quote rows, with any character."""
    assert report.printable("a\n\x1b[31m\x00b" + 300 * "c") == "a[31mb" + 249 * "c"


def test_embedded_mode_reports_nothing(embedded: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its database may be the very thing that is missing, and `manage.py` would create it."""
    monkeypatch.setattr(report, "manage", pytest.fail)
    report.report_backups(embedded.session)


@pytest.mark.parametrize("error", [BackupError("no such table"), OSError("no setpriv")])
def test_a_report_that_fails_is_a_note(
    embedded: Project, monkeypatch: pytest.MonkeyPatch, error: Exception, without_guard: Callable[[], None]
) -> None:
    """The backup exists all the same."""

    def fail(*_arguments: Any, **_variables: Any) -> str:
        raise error

    without_guard()
    monkeypatch.setattr(report, "manage", fail)
    report.report_backups(embedded.session)
    assert f"The page about operations does not show this: {error}" in embedded.said.getvalue()


@pytest.fixture
def without_guard(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that makes embedded mode report, too."""
    from bedplate.environment import Environment  # noqa: PLC0415 - a property of it is replaced

    return lambda: monkeypatch.setattr(Environment, "embedded", False)


def test_each_command_reports_its_result(embedded: Project, reports: list[Mapping[BackupName, float]]) -> None:
    """After a backup with its duration; after a drill; after the check, also if it is an alarm."""
    with pytest.raises(StaleBackupsError):
        actions.run_check(embedded.session, forget=False)
    actions.run_back_up(embedded.session)
    actions.run_verify(embedded.session, "latest", scheduled=False)
    actions.run_check(embedded.session, forget=False)
    assert [len(seconds) for seconds in reports] == [0, 1, 0, 0]
    assert all(duration > 0 for duration in reports[1].values())


def test_a_failed_drill_is_reported_and_another_failure_is_not(
    embedded: Project, reports: list[Mapping[BackupName, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a faulty backup changes what is known of it."""
    for number, error in enumerate((UnusableBackupError("damaged"), BackupError("no disk"))):

        def fail(*_arguments: Any, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(actions, "verify", fail)
        with pytest.raises(BackupError):
            actions.run_verify(embedded.session, "latest", scheduled=False)
        assert len(reports) == 1, number
