"""The page of examples, without JavaScript and as its components use it."""

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from bedplate.django.media.models import Document
from bedplate.django.operations.models import TaskRun
from bedplate.django.operations.tasks import sample
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from pages.tests.test_every_page import check_design, check_policy
from users.models import User

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}


@pytest.fixture
def signed_in(client: Client, user: User, settings: Settings, tmp_path: Any) -> Client:
    """Return a client of a user with 12 documents; another user has one."""
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {**settings.STORAGES["default"], "OPTIONS": {"location": tmp_path, "base_url": "/media/private/"}},
    }
    other = User.objects.create_user(email="other@example.com")
    for number in range(12):
        Document.objects.create(owner=user, file=ContentFile(b"x", name=f"Report {number:02}.txt"))
    Document.objects.create(owner=other, file=ContentFile(b"x", name="Report of another.txt"))
    client.force_login(user)
    return client


def found(client: Client, **parameters: str) -> Any:
    return client.get("/examples/documents/", parameters).json()


def test_the_page_has_the_sites_design(signed_in: Client) -> None:
    check_design(check_policy(signed_in, "/examples/"))


def test_visitors_sign_in_first(client: Client) -> None:
    for path in ("/examples/", "/examples/documents/"):
        assert client.get(path)["Location"] == f"/accounts/login/?next={path}"


def test_the_table_has_pages_without_javascript(signed_in: Client) -> None:
    page = signed_in.get("/examples/").content.decode()
    assert "Report 11.txt" in page
    assert "Report 01.txt</a>" not in page
    assert 'href="?page=2"' in page
    assert "Report 01.txt</a>" in signed_in.get("/examples/?page=2").content.decode()


def test_the_table_is_searched_without_javascript(signed_in: Client) -> None:
    page = signed_in.get("/examples/?q=report+03").content.decode()
    assert re.findall(r">(Report .*?)</a>", page) == ["Report 03.txt"]
    assert 'value="report 03"' in page


def test_only_ones_own_documents_are_found(signed_in: Client) -> None:
    assert found(signed_in, q="another")["documents"] == []
    assert found(signed_in)["count"] == "12 documents"


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 5000, "\x00", "%"])
def test_an_impossible_page_is_the_nearest_one(signed_in: Client, number: str) -> None:
    assert found(signed_in, page=number)["number"] in {1, 2}


@pytest.mark.parametrize(("search", "error"), [("a" * 101, "at most 100 characters"), ("a\x00b", "Null characters")])
def test_a_search_that_is_not_possible_has_an_error_at_its_field(signed_in: Client, search: str, error: str) -> None:
    answer = found(signed_in, q=search)
    assert error in answer["errors"][0]
    assert answer["documents"] == []
    assert error in signed_in.get("/examples/", {"q": search}).content.decode()


@pytest.mark.parametrize("search", ["<script>alert(1)</script>", "%", "_", "'; --", "é\u202e🙂"])
def test_any_text_can_be_searched(signed_in: Client, search: str) -> None:
    assert found(signed_in, q=search)["documents"] == []
    assert "<script>alert" not in signed_in.get("/examples/", {"q": search}).content.decode()


def test_the_form_starts_a_task_and_comes_back(signed_in: Client) -> None:
    assert signed_in.post("/examples/", {"seconds": "1"})["Location"] == "/examples/"
    assert TaskRun.objects.get().requested_by == User.objects.get(email=signed_in.get("/examples/").context["user"])


def test_the_component_gets_the_run_that_it_started(signed_in: Client) -> None:
    answer = signed_in.post("/examples/", {"seconds": "1"}, headers=JSON)
    assert answer.status_code == 201
    assert signed_in.get(answer.json()["url"]).json()["state"] in {"queued", "running", "succeeded"}


@pytest.mark.parametrize("seconds", ["", "0", "601", "x", "9" * 5000, "1\x00", "🙂", "nan", "1e3"])
def test_an_invalid_duration_starts_nothing(signed_in: Client, seconds: str) -> None:
    answer = signed_in.post("/examples/", {"seconds": seconds}, headers=JSON)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["seconds"])
    assert 'class="errorlist"' in signed_in.post("/examples/", {"seconds": seconds}).content.decode()
    assert not TaskRun.objects.exists()


def make_runs(owner: User) -> None:
    """Create a succeeded run of 8 seconds, and a running one."""
    now = timezone.now()
    ended = {"state": TaskRun.State.SUCCEEDED, "started": now - timedelta(seconds=8), "finished": now}
    TaskRun.objects.create(name=sample.name, requested_by=owner, **ended)
    TaskRun.objects.create(name=sample.name, requested_by=owner, state=TaskRun.State.RUNNING, started=now, percent=40)


def test_the_chart_and_the_progress_have_the_users_runs(signed_in: Client, user: User) -> None:
    make_runs(user)
    make_runs(User.objects.get(email="other@example.com"))
    page = signed_in.get("/examples/").content.decode()
    props = {
        name: json.loads(unescape(text)) for name, text in re.findall(r'component="(\w+)" data-props="(.*?)"', page)
    }
    assert [bar["text"] for bar in props["TaskChart"]["bars"]] == ["8.0 s"]
    assert [run["percent"] for run in props["TaskProgress"]["runs"]] == [40]
    assert page.count("8.0 s</td>") == page.count('value="40"') == 1


def test_at_most_five_queries(
    signed_in: Client, user: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make_runs(user)
    signed_in.get("/")  # records the session's activity, once in five minutes
    with django_assert_max_num_queries(5):
        signed_in.get("/examples/?q=report")
