"""Users download their data."""

import json
import zipfile
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from bedplate.django.accounts.personal_data import Export, export_data
from bedplate.django.api.models import ApiToken
from bedplate.django.operations.models import TaskRun
from bedplate.testing.plugin import PASSWORD
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from users.models import User

from applications.accounts.conftest import save_document

EXPORT, DELETE, DATA = "/accounts/data/export/", "/accounts/delete/", "/accounts/data/"


def read(response: Any) -> zipfile.ZipFile:
    assert response["Content-Type"] == "application/zip"
    return zipfile.ZipFile(BytesIO(b"".join(response.streaming_content)))


def export_of(client: Client) -> tuple[dict[str, Any], zipfile.ZipFile]:
    archive = read(client.post(EXPORT))
    assert archive.testzip() is None
    return json.loads(archive.read("data.json")), archive


def test_the_export_has_everything_of_the_user(proven: Client, user: User) -> None:
    User.objects.update(name="Zoë")
    save_document(user, "my notes.txt")
    run = TaskRun.objects.create(name="operations.tasks.sample", requested_by=user)
    data, archive = export_of(proven)
    assert data["account"]["email"] == "ada@example.org"
    assert data["account"]["name"] == "Zoë"
    assert data["email_addresses"] == [{"email": "ada@example.org", "verified": True, "primary": True}]
    assert "Firefox" in data["sessions"][0]["user_agent"]
    assert data["task_runs"][0]["id"] == str(run.pk)
    assert data["documents"][0]["file"] == "documents/my notes.txt"
    assert archive.read("documents/my notes.txt") == b"hello"


def test_the_export_has_no_secret(proven: Client, user: User) -> None:
    user.refresh_from_db()
    token = ApiToken.objects.issue(user, name="mine", expires=timezone.now() + timedelta(days=1))[1]
    text = json.dumps(export_of(proven)[0])
    assert user.password not in text
    assert token not in text
    assert token[:12] in text
    assert UserSession.objects.get().session_key not in text


def test_the_export_has_nothing_of_other_users(proven: Client, staff: User) -> None:
    save_document(staff, "theirs.txt")
    TaskRun.objects.create(name="theirs", requested_by=staff)
    data, archive = export_of(proven)
    assert archive.namelist() == ["data.json"]
    assert data["task_runs"] == data["documents"] == []
    assert staff.email not in json.dumps(data)


def test_the_download_is_private_and_named(proven: Client) -> None:
    response: Any = proven.post(EXPORT)
    assert "no-store" in response["Cache-Control"]
    assert response["Content-Disposition"].startswith("attachment; filename=")
    assert timezone.localdate().isoformat() in response["Content-Disposition"]
    b"".join(response.streaming_content)


def test_files_with_one_name_are_all_in_the_archive(proven: Client, user: User) -> None:
    for name, content in (("a.txt", b"1"), ("A.TXT", b"2"), ("a.txt", b"3")):  # one name on Windows and macOS
        save_document(user, name, content)
    _data, archive = export_of(proven)
    names = ["documents/a.txt", "documents/A (2).TXT", "documents/a (3).txt"]
    assert [archive.read(name) for name in names] == [b"1", b"2", b"3"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "\\..\\x", "a\0b", "C:\\x", "/etc/passwd", ""])
def test_no_name_leaves_the_folder_of_the_archive(name: str) -> None:
    saved = Export().add_file("documents", name, storage=default_storage, stored_as="1/x")
    assert saved.startswith("documents/")
    assert saved.count("/") == 1
    assert "\\" not in saved
    assert "\0" not in saved
    assert saved not in ("documents/", "documents/..", "documents/.")


def test_a_lost_file_is_named_and_the_rest_is_there(proven: Client, user: User) -> None:
    lost = save_document(user, "lost.txt")
    save_document(user, "here.txt")
    Path(lost.file.path).unlink()
    _data, archive = export_of(proven)
    assert archive.read("documents/here.txt") == b"hello"
    assert archive.read("missing-files.txt") == b"documents/lost.txt"


def test_a_large_file_is_sent_in_parts(proven: Client, user: User) -> None:
    save_document(user, "large.bin", b"x" * 2_000_000)
    response: Any = proven.post(EXPORT)
    parts = list(response.streaming_content)
    assert max(map(len, parts)) < 600_000
    archive = zipfile.ZipFile(BytesIO(b"".join(parts)))
    assert len(archive.read("documents/large.bin")) == 2_000_000


def test_the_export_asks_for_the_password_and_then_goes_on(ada_client: Client) -> None:
    page = ada_client.post(EXPORT)
    assert page["Location"].startswith("/accounts/reauthenticate/")
    wrong = ada_client.post(page["Location"], {"password": "wrong", "next": EXPORT})
    assert wrong.status_code == 200
    assert json.loads(read(ada_client.post(page["Location"], {"password": PASSWORD, "next": EXPORT})).read("data.json"))


def test_an_export_is_not_a_link(proven: Client) -> None:
    assert proven.get(EXPORT).status_code == 405


def test_exports_are_limited(proven: Client) -> None:
    statuses = [proven.post(EXPORT).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]


def test_an_app_can_add_to_the_export(proven: Client) -> None:
    def add(user: Any, export: Export, **_signal: Any) -> None:
        export.add("orders", [{"number": 7, "of": user.email}])

    export_data.connect(add)
    try:
        assert export_of(proven)[0]["orders"] == [{"number": 7, "of": "ada@example.org"}]
    finally:
        export_data.disconnect(add)


@pytest.mark.parametrize("address", [DATA, DELETE])
def test_pages_need_at_most_five_queries(
    proven: Client, address: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    proven.get("/")
    with django_assert_max_num_queries(5):
        assert proven.get(address).status_code == 200


@pytest.mark.parametrize("address", [DATA, DELETE])
def test_pages_need_a_login(client: Client, db: None, address: str) -> None:
    assert client.get(address)["Location"].startswith("/accounts/login/")
