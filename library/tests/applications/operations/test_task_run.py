"""The states of a run, and pruning."""

from datetime import UTC, datetime, timedelta

import pytest
from bedplate.django.operations.models import TaskRun
from bedplate.django.operations.run_tracking import Progress, describe
from django.core.management import call_command
from django.db import IntegrityError
from django.test import override_settings
from django.utils import timezone
from pytest_django import Settings

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def begin(run: TaskRun, *, retries: int = 0, now: datetime = NOW) -> bool:
    """Return whether the run may start."""
    message = TaskRun(pk=run.pk, name="count", arguments="[[], {}]", retries=retries, worker="celery@a")
    return TaskRun.objects.begin(message, now=now)


def running_run(*, started: datetime = NOW) -> TaskRun:
    """Return a running run."""
    run = TaskRun.objects.create(name="count")
    assert begin(run, now=started)
    return run


def test_a_restarted_run_resets_its_progress() -> None:
    run = running_run()
    TaskRun.objects.report(str(run.pk), 40, "4 of 10")
    TaskRun.objects.requeue(str(run.pk))
    later = NOW + timedelta(hours=1)
    assert begin(run, now=later)
    run.refresh_from_db()
    assert (run.state, run.percent, run.message, run.started, run.attempts) == ("running", 0, "", later, 2)


def test_a_running_run_does_not_start_again() -> None:
    run = running_run()
    assert not begin(run)
    run.refresh_from_db()
    assert run.attempts == 1


def test_the_first_result_of_a_run_counts() -> None:
    run = running_run()
    assert TaskRun.objects.succeed(str(run.pk), now=NOW)
    assert not TaskRun.objects.fail(run.pk, "late", now=NOW)
    assert not begin(run)
    assert TaskRun.objects.mark_lost(run.pk, now=NOW) is None
    TaskRun.objects.report(str(run.pk), 3, "later still")
    TaskRun.objects.requeue(str(run.pk))
    run.refresh_from_db()
    assert (run.state, run.percent, run.message, run.error) == ("succeeded", 100, "", "")


def test_the_arguments_of_a_finished_run_are_deleted() -> None:
    run = running_run()
    TaskRun.objects.succeed(str(run.pk), now=NOW)
    run.refresh_from_db()
    assert run.arguments == ""


def test_a_run_whose_process_is_killed_starts_three_times() -> None:
    run = TaskRun.objects.create(name="count")
    for expected in ("queued", "queued", "failed"):
        assert begin(run)
        lost = TaskRun.objects.mark_lost(run.pk, now=NOW)
        assert lost
        assert lost.state == expected
    assert not begin(run)
    run.refresh_from_db()
    assert (run.attempts, run.error) == (3, "Given up: its process was killed 3 times.")


def test_retries_do_not_count_as_kills() -> None:
    run = TaskRun.objects.create(name="count")
    for number in range(10):
        assert begin(run, retries=number)
        TaskRun.objects.schedule_retry(str(run.pk), retries=number, due=NOW)
    assert begin(run, retries=10)
    lost = TaskRun.objects.mark_lost(run.pk, now=NOW)
    assert lost
    assert lost.state == "queued"


def test_an_earlier_message_does_not_start_a_waiting_retry() -> None:
    run = running_run()
    TaskRun.objects.schedule_retry(str(run.pk), retries=0, due=NOW)
    assert not begin(run, retries=0)
    assert begin(run, retries=1)


def test_a_retry_that_has_started_is_not_rescheduled() -> None:
    run = running_run()
    assert begin(run, retries=1)
    TaskRun.objects.schedule_retry(str(run.pk), retries=0, due=NOW)
    run.refresh_from_db()
    assert (run.state, run.retries) == ("running", 1)


@pytest.mark.parametrize(
    "fields",
    [{"state": "elsewhere"}, {"percent": 101}, {"state": "failed"}, {"state": "queued", "finished": NOW}],
)
def test_the_database_refuses_an_invalid_run(fields: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        TaskRun.objects.create(name="count", **fields)


def test_old_runs_are_pruned_except_running_ones(capsys: pytest.CaptureFixture[str]) -> None:
    old, running, new = running_run(), running_run(started=timezone.now()), running_run()
    for run in (old, new):
        TaskRun.objects.succeed(str(run.pk), now=NOW)
    TaskRun.objects.exclude(pk=new.pk).update(created=timezone.now() - timedelta(days=8))
    call_command("prune_task_runs", days=7)
    assert capsys.readouterr().out == "Deleted 1 task runs older than 7 days.\n"
    assert set(TaskRun.objects.all()) == {running, new}


def test_progress_is_written_for_each_percent_and_at_most_once_a_second() -> None:
    written = Progress(percent=10, message="a", at=100)
    assert Progress(percent=10, message="a", at=100).should_be_written(after=None)
    assert Progress(percent=11, message="a", at=100.1).should_be_written(after=written)
    assert not Progress(percent=10, message="b", at=100.9).should_be_written(after=written)
    assert Progress(percent=10, message="b", at=101).should_be_written(after=written)
    assert not Progress(percent=10, message="a", at=200).should_be_written(after=written)


@override_settings(USE_I18N=False)
def test_an_error_is_stored_in_a_form_for_every_database() -> None:
    assert describe(ValueError("no such\0 customer")) == "ValueError: no such customer"
    assert len(describe(ValueError("x" * 10_000))) == 2000


def test_the_time_limit_is_shorter_than_the_visibility_timeout(settings: Settings) -> None:
    assert settings.CELERY_TASK_SOFT_TIME_LIMIT < settings.CELERY_TASK_TIME_LIMIT < settings.CELERY_VISIBILITY_TIMEOUT
    limit = settings.CELERY_BROKER_TRANSPORT_OPTIONS.get("visibility_timeout")  # the file queue has none
    assert limit in {None, settings.CELERY_VISIBILITY_TIMEOUT}
