"""The API under /api/, with its resources: the user here, and those of the library."""

from typing import Any

from bedplate.django.accounts.impersonation import refuse_impersonation
from bedplate.django.api import documents, tasks
from bedplate.django.api.factory import create_api
from django.conf import settings
from django.http import HttpRequest
from ninja import Field, Schema

api = create_api(title=settings.ENVIRONMENT.project_name)
api.add_router("/documents", documents.router)
api.add_router("/tasks", tasks.router)


class UserOut(Schema):
    """The user of the request."""

    email: str
    name: str


class UserIn(Schema, extra="forbid"):
    """What users can change about themselves."""

    name: str = Field(max_length=150)


@api.get("/me", response=UserOut, tags=["me"])
def read_me(request: HttpRequest) -> Any:
    """Return the user."""
    return request.user


@api.patch("/me", response=UserOut, tags=["me"])
def change_me(request: HttpRequest, changes: UserIn) -> Any:
    """Change the user's name."""
    refuse_impersonation(request)
    user: Any = request.user
    user.name = " ".join(changes.name.split())  # on one line: it may become part of a mail's header
    user.save(update_fields=["name"])
    return user


urlpatterns = api.urls[0]
app_name = api.urls[2]
