"""What staff do with a run of a background task: retry it, or cancel it."""

import logging
from functools import partial
from typing import Any
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext
from kombu.exceptions import KombuError

from bedplate.django.operations.models import TaskRun
from bedplate.django.operations.titles import registered_tasks

logger = logging.getLogger(__name__)


def retry(pk: UUID) -> TaskRun | None:
    """Queue a failed run again, as a new run with the same arguments and the same user.

    Return None if that is not possible: it is not failed, was retried already, or its task does not exist anymore.
    """
    failed = TaskRun.objects.filter(pk=pk).first()
    task: Any = registered_tasks().get(failed.name) if failed else None
    if task is None:
        return None
    with transaction.atomic():
        if run := TaskRun.objects.retry(pk, now=timezone.now()):
            transaction.on_commit(partial(task.send, run))
    return run


def cancel(pk: UUID) -> bool:
    """Mark an unfinished run as canceled, and end its process. Return False if it has finished, or cannot be ended.

    Without remote control (embedded mode), only a run that waits can be canceled.
    """
    runs = TaskRun.objects.filter(pk=pk)
    if not settings.CELERY_WORKER_ENABLE_REMOTE_CONTROL:
        runs = runs.filter(state=TaskRun.State.QUEUED)
    # First the row: the worker does not start the run again when its process ends.
    if not runs.end(state=TaskRun.State.FAILED, error=gettext("Cancelled."), finished=timezone.now()):
        return False
    if settings.CELERY_WORKER_ENABLE_REMOTE_CONTROL:
        try:
            current_app.control.revoke(str(pk), terminate=True)
        except (KombuError, OSError) as error:
            logger.warning("A canceled task may still run: the task queue is unavailable (%s)", error)
    return True
