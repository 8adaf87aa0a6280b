"""How a run passes from state to state, and how long it is kept."""

from datetime import UTC, datetime, timedelta

import pytest
from bedplate.django.operations.models import TaskRun
from bedplate.django.operations.recorded import Progress, describe
from django.core.management import call_command
from django.db import IntegrityError
from django.test import override_settings
from django.utils import timezone
from pytest_django import Settings

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def begin(run: TaskRun, *, retries: int = 0, now: datetime = NOW) -> bool:
    """Return whether the run may begin."""
    message = TaskRun(pk=run.pk, name="count", arguments="[[], {}]", retries=retries, worker="celery@a")
    return TaskRun.objects.begin(message, now=now)


def begun(*, started: datetime = NOW) -> TaskRun:
    """Return a run that has begun."""
    run = TaskRun.objects.create(name="count")
    assert begin(run, now=started)
    return run


def test_a_run_that_begins_again_starts_from_nought() -> None:
    run = begun()
    TaskRun.objects.report(str(run.pk), 40, "4 of 10")
    TaskRun.objects.put_back(str(run.pk))
    later = NOW + timedelta(hours=1)
    assert begin(run, now=later)
    run.refresh_from_db()
    assert (run.state, run.percent, run.message, run.started, run.attempts) == ("running", 0, "", later, 2)


def test_a_run_does_not_begin_while_it_runs() -> None:
    run = begun()
    assert not begin(run)
    run.refresh_from_db()
    assert run.attempts == 1


def test_the_first_result_of_a_run_counts() -> None:
    run = begun()
    assert TaskRun.objects.succeed(str(run.pk), now=NOW)
    assert not TaskRun.objects.fail(run.pk, "late", now=NOW)
    assert not begin(run)
    assert TaskRun.objects.lose(run.pk, now=NOW) is None
    TaskRun.objects.report(str(run.pk), 3, "later still")
    TaskRun.objects.put_back(str(run.pk))
    run.refresh_from_db()
    assert (run.state, run.percent, run.message, run.error) == ("succeeded", 100, "", "")


def test_what_a_run_was_given_is_forgotten_when_it_has_ended() -> None:
    run = begun()
    TaskRun.objects.succeed(str(run.pk), now=NOW)
    run.refresh_from_db()
    assert run.arguments == ""


def test_a_run_whose_process_is_killed_begins_three_times() -> None:
    run = TaskRun.objects.create(name="count")
    for expected in ("queued", "queued", "failed"):
        assert begin(run)
        lost = TaskRun.objects.lose(run.pk, now=NOW)
        assert lost
        assert lost.state == expected
    assert not begin(run)
    run.refresh_from_db()
    assert (run.attempts, run.error) == (3, "Given up: its process was killed 3 times.")


def test_retries_that_a_task_asks_for_are_no_kills() -> None:
    run = TaskRun.objects.create(name="count")
    for number in range(10):
        assert begin(run, retries=number)
        TaskRun.objects.put_off(str(run.pk), retries=number, due=NOW)
    assert begin(run, retries=10)
    lost = TaskRun.objects.lose(run.pk, now=NOW)
    assert lost
    assert lost.state == "queued"


def test_an_earlier_message_does_not_begin_what_waits_for_a_retry() -> None:
    run = begun()
    TaskRun.objects.put_off(str(run.pk), retries=0, due=NOW)
    assert not begin(run, retries=0)
    assert begin(run, retries=1)


def test_a_retry_that_begins_before_the_last_try_has_ended_is_not_put_off() -> None:
    run = begun()
    assert begin(run, retries=1)
    TaskRun.objects.put_off(str(run.pk), retries=0, due=NOW)
    run.refresh_from_db()
    assert (run.state, run.retries) == ("running", 1)


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
    limit = settings.CELERY_BROKER_TRANSPORT_OPTIONS.get("visibility_timeout")  # a queue of files has none
    assert limit in {None, settings.CELERY_VISIBILITY_TIMEOUT}
