"""What the tests of every app use, beside the fixtures of `bedplate.testing.plugin`."""

import json

from bedplate.django.operations.models import TaskRun

from config.celery import app

pytest_plugins = ["bedplate.testing.plugin"]


def send_queued_mail() -> int:
    """Do what a worker would do with the mails that requests have asked for. Return how many tasks there were."""
    runs = list(TaskRun.objects.unfinished().filter(name__startswith="users.tasks."))
    for run in runs:
        args, kwargs = json.loads(run.arguments)
        app.tasks[run.name].apply(args, kwargs, task_id=str(run.pk), throw=True)
    return len(runs)
