"""The N+1 guard of `bedplate.testing.plugin`: it fails a test whose request runs a query for each row."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from bedplate.django.operations.models import TaskRun
from bedplate.testing.n_plus_one import NPlusOneError, guarded
from bedplate.testing.plugin import MakeUser
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.template import Context, Origin, Template
from django.test import Client
from django.urls import path

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
User: Any = get_user_model()
ROWS = Template("{% for run in runs %}\n{{ run.requested_by }}{% endfor %}", origin=Origin("rows.txt"))
PAGES: dict[str, Callable[[], object]] = {
    "related": lambda: [str(run.requested_by) for run in TaskRun.objects.all()],
    "select_related": lambda: [str(run.requested_by) for run in TaskRun.objects.select_related("requested_by")],
    "get": lambda: [User.objects.get(pk=pk) for pk in User.objects.values_list("pk", flat=True)],
    "count": lambda: [TaskRun.objects.filter(requested_by=user).count() for user in User.objects.all()],
    "template": lambda: ROWS.render(Context({"runs": TaskRun.objects.all()})),
    "same": lambda: [User.objects.get(email="user1@example.org") for _ in range(3)],
    "swallowed": lambda: swallow(PAGES["related"]),
}


def swallow(page: Callable[[], object]) -> None:
    with suppress(Exception):  # like a page that stays readable without its database
        page()


def view(request: HttpRequest, page: str) -> HttpResponse:
    PAGES[page]()
    return HttpResponse()


urlpatterns = [path("<page>/", view)]


@pytest.fixture(autouse=True)
def two_runs(make_user: MakeUser) -> None:
    for _ in range(2):
        TaskRun.objects.create(name="count", requested_by=make_user())


@pytest.fixture
def check(client: Client) -> Callable[[str], None]:
    """Return a function that requests a page, and raises what the guard has found."""

    def request(page: str) -> None:
        with guarded() as guard:
            client.get(f"/{page}/")
        guard.check()

    return request


@pytest.mark.n_plus_one  # on purpose
@pytest.mark.parametrize(
    ("page", "place"),
    [
        ("related", r"test_n_plus_one\.py:\d+: SELECT .* FROM \"users_user\""),
        ("get", r"test_n_plus_one\.py:\d+"),
        ("count", r"test_n_plus_one\.py:\d+: SELECT COUNT"),
        ("template", r"template rows.txt:2: SELECT"),
        ("swallowed", r"test_n_plus_one\.py:\d+"),
    ],
)
def test_a_query_for_each_row_is_found_with_its_line(check: Callable[[str], None], page: str, place: str) -> None:
    with pytest.raises(NPlusOneError) as error:
        check(page)
    assert re.search(f"2 times at .*{place}", str(error.value))


@pytest.mark.parametrize("page", ["select_related", "same"])
def test_pages_whose_queries_do_not_grow_pass(check: Callable[[str], None], page: str) -> None:
    check(page)


def test_the_queries_of_the_test_itself_may_repeat(check: Callable[[str], None]) -> None:
    with guarded() as guard:
        PAGES["related"]()
    guard.check()


def test_addresses_of_made_users_are_different(make_user: MakeUser) -> None:
    assert make_user().email != make_user().email
    assert make_user("eve@example.org", is_staff=True).is_staff
    assert not make_user(password=None).has_usable_password()


@pytest.mark.xfail(raises=NPlusOneError, strict=True)
def test_every_test_is_guarded(client: Client) -> None:
    client.get("/related/")
