"""What becomes of the background tasks' history in a copy of production's data."""

from anonymising.registry import rules
from anonymising.rules import Clear, Keep
from operations.models import TaskRun

rules(TaskRun, name=Keep(), state=Keep(), worker=Keep(), message=Clear(), error=Clear(), arguments=Clear())
