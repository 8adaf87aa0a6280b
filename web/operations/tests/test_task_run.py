"""How a run passes from state to state, and how long it is kept."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError
from django.test import override_settings
from django.utils import timezone
from pytest_django import Settings

from operations.models import TaskRun
from operations.recorded import Progress, describe

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def begun(*, started: datetime = NOW) -> TaskRun:
    """Return a run that has begun."""
    run = TaskRun.objects.create(name="count")
    assert TaskRun.objects.begin(str(run.pk), name="count", retries=0, now=started)
    return run


def test_a_run_that_begins_again_starts_from_nought() -> None:
    run = begun()
    TaskRun.objects.report(str(run.pk), 40, "4 of 10")
    later = NOW + timedelta(hours=1)
    assert TaskRun.objects.begin(str(run.pk), name="count", retries=0, now=later)
    run.refresh_from_db()
    assert (run.state, run.percent, run.message, run.started, run.attempts) == ("running", 0, "", later, 2)


def test_the_first_result_of_a_run_counts() -> None:
    run = begun()
    TaskRun.objects.succeed(str(run.pk), now=NOW)
    TaskRun.objects.fail(run.pk, "late", now=NOW)
    TaskRun.objects.report(str(run.pk), 3, "later still")
    TaskRun.objects.put_back(str(run.pk))
    run.refresh_from_db()
    assert (run.state, run.percent, run.message, run.error) == ("succeeded", 100, "", "")


def test_a_run_killed_too_often_fails_instead_of_beginning_once_more() -> None:
    run = TaskRun.objects.create(name="count")
    begin = [TaskRun.objects.begin(str(run.pk), name="count", retries=0, now=NOW) for _ in range(5)]
    run.refresh_from_db()
    assert begin == [True, True, True, True, False]
    assert (run.state, run.attempts) == ("failed", 4)


def test_retries_that_a_task_asks_for_are_no_kills() -> None:
    run = TaskRun.objects.create(name="count")
    assert all(TaskRun.objects.begin(str(run.pk), name="count", retries=number, now=NOW) for number in range(10))


def test_a_run_that_nothing_has_run_for_long_is_lost(settings: Settings) -> None:
    long = timedelta(seconds=2 * settings.CELERY_VISIBILITY_TIMEOUT)
    lost, running = begun(started=NOW - long - timedelta(seconds=1)), begun(started=NOW - long)
    queued = TaskRun.objects.create(name="count")
    assert TaskRun.objects.fail_lost(now=NOW) == 1
    states = [TaskRun.objects.get(pk=run.pk).state for run in (lost, running, queued)]
    assert states == ["failed", "running", "queued"]


@pytest.mark.parametrize(
    "fields",
    [{"state": "elsewhere"}, {"percent": 101}, {"state": "failed"}, {"state": "queued", "finished": NOW}],
)
def test_the_database_refuses_a_run_that_cannot_be(fields: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        TaskRun.objects.create(name="count", **fields)


def test_old_runs_are_pruned_but_not_while_they_run(capsys: pytest.CaptureFixture[str]) -> None:
    old, running, new = begun(), begun(started=timezone.now()), begun()
    for run in (old, new):
        TaskRun.objects.succeed(str(run.pk), now=NOW)
    TaskRun.objects.exclude(pk=new.pk).update(created=timezone.now() - timedelta(days=8))
    call_command("prune_task_runs", days=7)
    assert capsys.readouterr().out == "Deleted 1 task runs older than 7 days.\n"
    assert set(TaskRun.objects.all()) == {running, new}


def test_progress_is_written_for_each_percent_and_at_most_once_a_second() -> None:
    written = Progress(percent=10, message="a", at=100)
    assert Progress(percent=10, message="a", at=100).worth_writing(after=None)
    assert Progress(percent=11, message="a", at=100.1).worth_writing(after=written)
    assert not Progress(percent=10, message="b", at=100.9).worth_writing(after=written)
    assert Progress(percent=10, message="b", at=101).worth_writing(after=written)
    assert not Progress(percent=10, message="a", at=200).worth_writing(after=written)


@override_settings(USE_I18N=False)
def test_an_error_is_kept_in_a_form_that_every_database_takes() -> None:
    assert describe(ValueError("no such\0 customer")) == "ValueError: no such customer"
    assert len(describe(ValueError("x" * 10_000))) == 2000


def test_no_task_outlasts_the_time_after_which_the_broker_hands_it_out_again(settings: Settings) -> None:
    assert settings.CELERY_TASK_SOFT_TIME_LIMIT < settings.CELERY_TASK_TIME_LIMIT < settings.CELERY_VISIBILITY_TIMEOUT
    options = settings.CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS, settings.CELERY_BROKER_TRANSPORT_OPTIONS
    for option in options:
        assert (
            option.get("visibility_timeout", settings.CELERY_VISIBILITY_TIMEOUT) == settings.CELERY_VISIBILITY_TIMEOUT
        )
