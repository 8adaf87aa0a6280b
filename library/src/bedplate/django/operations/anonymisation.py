"""What becomes of the background tasks' history in a copy of production's data."""

from bedplate.django.anonymising.registry import rules
from bedplate.django.anonymising.rules import Clear, Keep
from bedplate.django.operations.models import TaskRun

rules(TaskRun, name=Keep(), state=Keep(), worker=Keep(), message=Clear(), error=Clear(), arguments=Clear())
