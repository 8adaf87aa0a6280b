"""Documents and background tasks: only one's own."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from bedplate.django.media import models
from bedplate.django.media.models import Document
from bedplate.django.operations.models import TaskRun
from django.apps import apps
from django.contrib.staticfiles.finders import get_finders
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks
from users.models import User

MAX_QUERIES = 5


def create_document(owner: User, name: str = "a.txt") -> Document:
    return Document.objects.create(owner=owner, file=ContentFile(b"a secret", name))


def test_a_document_is_uploaded_listed_and_downloaded(api: Client, configure: Callable[..., None]) -> None:
    configure(environment="embedded")  # elsewhere nginx sends the file
    uploaded = api.post("/api/documents", {"file": SimpleUploadedFile("my été.txt", b"content")})
    assert (uploaded.status_code, uploaded.json()["name"], uploaded.json()["size"]) == (201, "my été.txt", 7)
    assert api.get("/api/documents").json() == {"items": [uploaded.json()], "count": 1}
    path = f"/api/documents/{uploaded.json()['id']}"
    assert api.get(path).json() == uploaded.json()
    assert uploaded.json()["content"] == f"{path}/content"
    downloaded = api.get(uploaded.json()["content"])
    assert b"".join(downloaded) == b"content"
    assert "sandbox" in downloaded["Content-Security-Policy"]


def test_a_deleted_document_loses_its_file(
    api: Client,
    user: User,
    media_root: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    document = create_document(user)
    with django_capture_on_commit_callbacks(execute=True):
        assert api.delete(f"/api/documents/{document.pk}").status_code == 204
    assert not Document.objects.exists()
    assert [path for path in media_root.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("staff", [False, True])
def test_documents_of_others_do_not_exist(api: Client, user: User, other: User, staff: bool) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=staff, is_superuser=staff)
    path = f"/api/documents/{create_document(other).pk}"
    assert api.get("/api/documents").json()["count"] == 0
    assert [api.get(path).status_code, api.get(f"{path}/content").status_code] == [404, 404]
    assert api.delete(path).status_code == 404
    assert Document.objects.count() == 1


def test_there_is_a_maximum_of_documents(api: Client, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "MAX_DOCUMENTS", 1)
    create_document(user)
    refused = api.post("/api/documents", {"file": SimpleUploadedFile("b.txt", b"b")})
    assert (refused.status_code, Document.objects.count()) == (409, 1)


def test_pages_of_a_list(api: Client, user: User) -> None:
    created = [create_document(user).pk for _ in range(5)][::-1]
    pages = [api.get(f"/api/documents?limit=2&offset={offset}").json() for offset in (0, 2, 4, 6)]
    assert [[item["id"] for item in page["items"]] for page in pages] == [created[:2], created[2:4], created[4:], []]
    assert {page["count"] for page in pages} == {5}


def test_a_task_is_started_listed_and_read(api: Client, user: User) -> None:
    started = api.post("/api/tasks/sample", {"seconds": 1}, content_type="application/json")
    assert (started.status_code, started.json()["state"]) == (202, "queued")
    run = TaskRun.objects.get()
    assert (str(run.pk), run.requested_by) == (started.json()["id"], user)
    assert json.loads(run.arguments)[1] == {"seconds": 1}
    assert api.get("/api/tasks").json()["items"][0]["id"] == str(run.pk)
    assert api.get(f"/api/tasks/{run.pk}").json()["name"] == "operations.tasks.sample"


@pytest.mark.parametrize("staff", [False, True])
def test_tasks_of_others_do_not_exist(api: Client, user: User, other: User, staff: bool) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=staff)
    run = TaskRun.objects.create(name="theirs", requested_by=other)
    assert api.get("/api/tasks").json()["count"] == 0
    assert api.get(f"/api/tasks/{run.pk}").status_code == 404


def test_the_text_of_an_unexpected_error_is_for_staff(api: Client, user: User) -> None:
    values = {"requested_by": user, "state": "failed", "finished": timezone.now()}
    TaskRun.objects.create(error="KeyError: a secret", traceback="Traceback …", **values)
    TaskRun.objects.create(error="The file is empty.", **values)
    runs = api.get("/api/tasks").json()["items"]
    assert [run["error"] for run in runs] == ["The file is empty.", "It failed because of an unexpected error."]
    assert b"secret" not in api.get(f"/api/tasks/{runs[1]['id']}").content


@pytest.mark.parametrize("seconds", [0, 601, -1, 10**30, "x", None, 1.5])
def test_a_wrong_duration_starts_nothing(api: Client, seconds: object) -> None:
    assert api.post("/api/tasks/sample", {"seconds": seconds}, content_type="application/json").status_code == 422
    assert not TaskRun.objects.exists()


@pytest.mark.parametrize("path", ["/api/me", "/api/documents", "/api/documents/{document}", "/api/tasks"])
def test_queries(api: Client, user: User, path: str, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    document = create_document(user)
    for _ in range(9):
        create_document(user)
        TaskRun.objects.create(name="mine", requested_by=user)
    with django_assert_max_num_queries(MAX_QUERIES):
        assert api.get(path.format(document=document.pk)).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_queries_of_changes(api: Client, user: User, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    document = create_document(user)
    api.get("/api/me")  # records the use of the token, once a minute
    with django_assert_max_num_queries(MAX_QUERIES + 2):  # and the lock of the user's row, the beginning and the end
        api.post("/api/documents", {"file": SimpleUploadedFile("b.txt", b"b")})
    with django_assert_max_num_queries(MAX_QUERIES):
        api.delete(f"/api/documents/{document.pk}")
    with django_assert_max_num_queries(MAX_QUERIES):
        api.patch("/api/me", {"name": "Ada"}, content_type="application/json")


def test_static_files_that_no_page_loads_are_not_collected() -> None:
    patterns = apps.get_app_config("staticfiles").ignore_patterns  # type: ignore[attr-defined]
    names = {name for finder in get_finders() for name, _storage in finder.list(patterns)}
    assert {"ninja/swagger-ui-bundle.js", "ninja/swagger-ui.css", "ninja/swagger-ui.css.map"} <= names
    assert not [name for name in names if "redoc" in name or name.endswith(".js.map")]
