"""The backups on the page about operations, as the cron container reports them."""

import json
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from bedplate.django.cron_runs.models import CronRun
from bedplate.django.operations_page.models import BackupRecord
from bedplate.django.operations_page.plot import HEIGHT, WIDTH, plot
from django.core.management import CommandError, call_command
from django.utils import timezone

pytestmark = pytest.mark.django_db

Page = Callable[..., str]


def record(name: str, *, hours: float, verified: float | None = None, **fields: Any) -> None:
    """Create the record of a backup that was made `hours` ago, and verified `verified` hours ago."""
    now = timezone.now()
    at = now - timedelta(hours=verified) if verified is not None else None
    given = {"size": 2_000_000, "database_size": 1, "verified": at, "passed": at and True, "seconds": 90.0} | fields
    BackupRecord.objects.create(name=name, created=now - timedelta(hours=hours), **given)


@pytest.fixture
def nightly(prod: None) -> None:
    """Configure PROD, whose cron has scheduled the next backup."""
    command = "backup 6h python -m bedplate.backup --backup --scheduled"
    CronRun.objects.create(task="backup", command=command, scheduled_for=timezone.now() + timedelta(hours=1))


@pytest.mark.usefixtures("nightly")
def test_the_last_and_the_last_verified_backup_are_shown(page: Page) -> None:
    record("new", hours=3)
    record("old", hours=27, verified=26)
    html = page("/operations/backups/")
    assert "3\xa0hours ago" in html
    assert "1.9\xa0MB" in html
    assert "1\xa0day ago" in html
    assert html.count("<rect") == 4  # sizes and durations
    assert "problem" not in html


@pytest.mark.usefixtures("nightly")
@pytest.mark.parametrize(
    ("hours", "verified", "words"),
    [
        (27, 1, "The newest backup is too old."),
        (25, 73, "No backup was verified lately."),
        (25, None, "No backup was verified lately."),
        (-9000, 1, "The newest backup is too old."),  # the clock was ahead
        (25, -9000, "No backup was verified lately."),
    ],
)
def test_a_stale_backup_is_red(page: Page, hours: float, verified: float | None, words: str) -> None:
    record("one", hours=hours, verified=verified)
    assert 'class="problem"' in page("/operations/backups/")
    assert words in page("/operations/summary/")


@pytest.mark.usefixtures("nightly")
def test_prod_without_a_backup_needs_attention(page: Page) -> None:
    assert "There is no backup." in page("/operations/summary/")


@pytest.mark.usefixtures("prod")
def test_a_project_that_has_removed_backups_expects_none(page: Page) -> None:
    assert "backup" not in page("/operations/summary/")


def test_elsewhere_no_backup_is_expected(page: Page) -> None:
    assert "No backup was made here." in page("/operations/backups/")
    assert "backup" not in page("/operations/summary/")


@pytest.mark.usefixtures("nightly")
def test_a_failed_drill_shows_its_reason(page: Page) -> None:
    record("one", hours=1, verified=0, passed=False, message="rows of a: 1 before, <0> restored")
    assert "rows of a: 1 before, &lt;0&gt; restored" in page("/operations/backups/")
    assert "The drill on the newest backup failed." in page("/operations/summary/")


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that gives a report to the command."""

    def give(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", StringIO(text))
        call_command("record_backups")

    return give


def test_a_report_updates_the_record_and_keeps_the_duration(report: Callable[[str], None]) -> None:
    made = {"name": "one", "created": "2026-11-27T03:00:00+00:00", "size": 5, "database_size": 4, "verified": None}
    report(json.dumps([made | {"seconds": 7.5, "passed": None, "message": ""}]))
    verified = {"verified": "2026-11-27T04:30:00+00:00", "passed": True, "message": "3 rows"}
    report(json.dumps([made | verified]))
    found = BackupRecord.objects.get()
    assert (found.seconds, found.passed, found.message) == (7.5, True, "3 rows")
    assert found.verified == datetime.fromisoformat(verified["verified"])  # type: ignore[arg-type]


def test_a_backup_that_is_gone_is_not_the_last(report: Callable[[str], None]) -> None:
    """After backups are deleted, the page does not show them. Older ones than those of the report stay."""
    for name, hours in (("deleted", 1), ("newest", 5), ("thinned", 9), ("oldest", 12), ("history", 99)):
        record(name, hours=hours)
    reported = BackupRecord.objects.filter(name__in=["newest", "oldest"])
    made = [
        {"name": backup.name, "created": backup.created.isoformat(), "size": 1, "database_size": 1}
        for backup in reported
    ]
    report(json.dumps(made))
    assert [backup.name for backup in BackupRecord.objects.all()] == ["newest", "oldest", "history"]
    report("[]")
    assert not BackupRecord.objects.exists()


@pytest.mark.parametrize("given", ["", "{}x", "{}", "[1]", '[{"size": 1}]', '[{"name": "a", "created": null}]', "null"])
def test_another_report_is_refused(given: str, report: Callable[[str], None]) -> None:
    record("one", hours=1)
    with pytest.raises(CommandError, match="not a list of backups"):
        report(given)
    assert BackupRecord.objects.count() == 1


def test_a_plot_fills_its_width_and_its_height() -> None:
    now = timezone.now()
    drawn = plot([(now + timedelta(days=day), value) for day, value in enumerate([0.0, 5, 10])])
    assert [bar.height for bar in drawn.bars] == [1, HEIGHT // 2, HEIGHT]
    assert all(bar.y + bar.height == HEIGHT for bar in drawn.bars)
    many = plot([(now, 1.0)] * 60)
    assert max(bar.x + bar.width for bar in many.bars) <= WIDTH
    assert plot([]).bars == ()
    assert [bar.height for bar in plot([(now, 0.0)]).bars] == [1]
