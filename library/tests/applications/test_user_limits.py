"""Limits for each user hold against requests at once: real connections, real transactions."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from bedplate.django.api.models import MAX_TOKENS, ApiToken, TooManyTokensError
from bedplate.django.media.models import MAX_DOCUMENTS, Document
from bedplate.django.operations.models import TASKS_PER_USER, TaskRun
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client
from django.test.client import MULTIPART_CONTENT
from django.utils import timezone
from pytest_django import Settings
from users.models import User

AT_ONCE = 10

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("shared_database"),
    pytest.mark.n_plus_one,  # the requests of ten threads, which each ask for their session, are seen as one
]


def at_once[Result](call: Callable[[int], Result]) -> list[Result]:
    """Call in ten threads that begin together, each with a connection of its own. Return the results."""
    start = Barrier(AT_ONCE)

    def run(number: int) -> Result:
        try:
            start.wait()
            return call(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, range(AT_ONCE)))


@pytest.fixture
def media_root(tmp_path: Path, settings: Settings) -> Path:
    storage = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "default": storage}
    return tmp_path


@pytest.mark.parametrize(
    ("address", "accepted", "refused"),
    [("/documents/", HTTPStatus.FOUND, HTTPStatus.OK), ("/api/documents", HTTPStatus.CREATED, HTTPStatus.CONFLICT)],
)
def test_uploads_at_once_do_not_exceed_the_maximum(
    user: User, media_root: Path, address: str, accepted: int, refused: int
) -> None:
    Document.objects.bulk_create(Document(owner=user, file="a.txt", size=1) for _ in range(MAX_DOCUMENTS - 1))
    clients = [Client(headers={"X-Real-IP": "192.0.2.1"}) for _ in range(AT_ONCE)]
    for client in clients:
        client.force_login(user)

    def upload(number: int) -> int:
        return clients[number].post(address, {"file": SimpleUploadedFile("a.txt", b"content")}).status_code

    assert sorted(at_once(upload)) == sorted([accepted] + [refused] * (AT_ONCE - 1))
    assert Document.objects.filter(owner=user).count() == MAX_DOCUMENTS
    assert len([path for path in media_root.rglob("*") if path.is_file()]) == 1  # no file of a refused one remains


def test_tokens_created_at_once_do_not_exceed_the_maximum(user: User) -> None:
    expires = timezone.now() + timedelta(days=1)
    for number in range(MAX_TOKENS - 1):
        ApiToken.objects.issue(user, name=str(number), expires=expires)

    def issue(number: int) -> bool:
        try:
            ApiToken.objects.issue(user, name=f"late {number}", expires=expires)
        except TooManyTokensError:
            return False
        return True

    assert at_once(issue).count(True) == 1
    assert ApiToken.objects.filter(user=user).count() == MAX_TOKENS


@pytest.mark.parametrize("address", ["/tasks/", "/api/tasks/sample"])
def test_tasks_started_at_once_do_not_exceed_the_maximum(user: User, address: str) -> None:
    for _ in range(TASKS_PER_USER - 1):
        TaskRun.objects.create(name="mine", requested_by=user)
    clients = [Client(headers={"X-Real-IP": "192.0.2.1"}) for _ in range(AT_ONCE)]
    for client in clients:
        client.force_login(user)
    kind = "application/json" if address.startswith("/api/") else MULTIPART_CONTENT
    content: Any = {"seconds": 1}

    def start(number: int) -> bool:
        response = clients[number].post(address, content, content_type=kind, follow=True)
        return "You have the maximum of running and waiting tasks, 20." in response.text

    assert at_once(start).count(False) == 1
    assert TaskRun.objects.unfinished().filter(requested_by=user).count() == TASKS_PER_USER
