"""The API of a project: `create_api` sets what all resources have in common."""

from typing import Any, ClassVar, Final, override

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Field, NinjaAPI, Schema
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.pagination import LimitOffsetPagination

from bedplate.django.api import problems
from bedplate.django.api.authentication import SessionAuthentication, TokenAuthentication
from bedplate.django.api.limits import UserThrottle
from bedplate.django.api.parsing import StrictParser

MAX_LIMIT: Final = 100
MAX_OFFSET: Final = 100_000  # PostgreSQL reads and drops as many rows


class Paging(LimitOffsetPagination):
    """`?limit=20&offset=40`: `@paginate(Paging)` above an operation that returns a queryset, which must be ordered."""

    class Input(Schema):
        limit: int = Field(20, ge=1, le=MAX_LIMIT)
        offset: int = Field(0, ge=0, le=MAX_OFFSET)

    @override
    def paginate_queryset(self, queryset: QuerySet, pagination: Any, request: HttpRequest, **params: Any) -> Any:
        end = pagination.offset + pagination.limit
        return {"items": list(queryset[pagination.offset : end]), "count": queryset.count()}


class Api(NinjaAPI):
    """An API whose description has short operation names, and problem details as every operation's error."""

    problem_response: ClassVar[dict[str, Any]] = {
        "description": "Error",
        "content": {problems.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }

    @override
    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    @override
    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**options)
        schema["components"].setdefault("schemas", {})["Problem"] = problems.SCHEMA
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation["responses"]["default"] = self.problem_response
        return schema


def create_api(*, title: str, version: str = "1", **options: Any) -> NinjaAPI:
    """Return an API: users sign in with a token or a session, are limited, and get errors as problem details.

    `options` are those of `NinjaAPI`, such as `docs_decorator=staff_member_required`.
    """
    defaults: dict[str, Any] = {
        "auth": [TokenAuthentication(), SessionAuthentication()],
        "parser": StrictParser(),
        "throttle": [UserThrottle()],
        "urls_namespace": "api",
    }
    api = Api(title=title, version=version, **(defaults | options))
    problems.add_handlers(api)
    return api
