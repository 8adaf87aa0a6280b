"""Mail in tests of a project."""

import json

from celery import current_app

from bedplate.django.operations.models import TaskRun


def send_queued_mail() -> int:
    """Run the queued mail tasks, as a worker would. Return the number of tasks."""
    runs = list(TaskRun.objects.unfinished().filter(name__startswith="users.tasks."))
    for run in runs:
        args, kwargs = json.loads(run.arguments)
        current_app.tasks[run.name].apply(args, kwargs, task_id=str(run.pk), throw=True)
    return len(runs)
