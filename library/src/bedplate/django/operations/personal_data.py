"""Task runs in the export and in the deletion of their user's account."""

import logging
from functools import partial
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext
from kombu.exceptions import KombuError

from bedplate.django.accounts.personal_data import Export, delete_data, export_data
from bedplate.django.operations.models import TaskRun

logger = logging.getLogger(__name__)


@receiver(export_data)
def export_task_runs(user: Any, export: Export, **_signal: Any) -> None:
    """Add the user's task runs. Errors are for staff: they show the site's code."""
    fields = ("id", "name", "state", "percent", "message", "attempts", "created", "started", "finished", "arguments")
    export.add("task_runs", list(TaskRun.objects.filter(requested_by=user).order_by("created").values(*fields)))


@receiver(delete_data)
def delete_task_runs(user: Any, **_signal: Any) -> None:
    """Cancel the user's unfinished runs, and delete the others.

    The rows of unfinished ones remain, without data: a message that is still in the queue finds that its run has ended.
    Without its row, the run would start.
    """
    runs = TaskRun.objects.filter(requested_by=user)
    unfinished = list(runs.unfinished().values_list("pk", flat=True))
    runs.exclude(pk__in=unfinished).delete()
    TaskRun.objects.filter(pk__in=unfinished).update(
        state=TaskRun.State.FAILED,
        error=gettext("Canceled: the account was deleted."),
        finished=timezone.now(),
        arguments="",
        message="",
        requested_by=None,
    )
    if settings.CELERY_WORKER_ENABLE_REMOTE_CONTROL and unfinished:
        transaction.on_commit(partial(end_processes, [str(pk) for pk in unfinished]))


def end_processes(ids: list[str]) -> None:
    """End the processes of these runs."""
    try:
        current_app.control.revoke(ids, terminate=True)
    except (KombuError, OSError) as error:
        logger.warning("Tasks of a deleted user may still run: the task queue is unavailable (%s)", error)
