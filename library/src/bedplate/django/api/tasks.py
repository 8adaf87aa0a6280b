"""The background tasks of the user: `api.add_router("/tasks", tasks.router)`."""

from datetime import datetime
from http import HTTPStatus
from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema, Status
from ninja.pagination import paginate

from bedplate.django.api.factory import Paging
from bedplate.django.operations.models import TaskRun
from bedplate.django.operations.tasks import sample

router = Router(tags=["tasks"])


class TaskOut(Schema):
    """A run of a background task."""

    id: UUID
    name: str
    state: TaskRun.State
    percent: int
    message: str
    error: str
    created: datetime
    started: datetime | None
    finished: datetime | None

    @staticmethod
    def resolve_error(run: TaskRun) -> str:
        """Return the error as on the site: the text of an unexpected one is for staff, in the administration."""
        return run.plain_error


class SampleTaskIn(Schema, extra="forbid"):
    """The arguments of the sample task."""

    seconds: int = Field(20, ge=1, le=600)


def own(request: HttpRequest) -> QuerySet[TaskRun]:
    """Return the runs that the user has started; also staff see only their own."""
    return TaskRun.objects.filter(requested_by=cast("Any", request.user)).order_by("-created", "-pk")


@router.get("", response=list[TaskOut])
@paginate(Paging)
def list_tasks(request: HttpRequest) -> QuerySet[TaskRun]:
    """List the runs, the latest first."""
    return own(request)


@router.post("/sample", response={HTTPStatus.ACCEPTED: TaskOut})
def start_sample_task(request: HttpRequest, arguments: SampleTaskIn) -> Status:
    """Start the sample task."""
    run = sample.start(seconds=arguments.seconds, requested_by=request.user)
    return Status(HTTPStatus.ACCEPTED, run)


@router.get("/{uuid:task_id}", response=TaskOut)
def read_task(request: HttpRequest, task_id: UUID) -> TaskRun:
    """Return a run."""
    return get_object_or_404(own(request), pk=task_id)
