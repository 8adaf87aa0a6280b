"""Rules for the runs of background tasks in copies of production's data."""

from bedplate.django.anonymization.registry import rules
from bedplate.django.anonymization.rules import Clear, Keep
from bedplate.django.operations.models import TaskRun

rules(
    TaskRun,
    name=Keep(),
    state=Keep(),
    worker=Keep(),
    message=Clear(),
    error=Clear(),
    traceback=Clear(),
    arguments=Clear(),
)
