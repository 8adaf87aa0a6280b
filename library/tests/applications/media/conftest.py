"""Uploads in the test's own folder, or in a bucket."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from bedplate.django.media.models import Document
from bedplate.django.services import uploads
from bedplate.testing.fake_gcs import FakeGcs, fake_gcs
from bedplate.testing.oauth_server import OAuthServer
from config.environment import read_environment
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, default_storage
from django.test import Client
from pytest_django import Settings
from users.models import User

FOLDER: Final = "site/uploads"
"""In the bucket."""


@pytest.fixture(autouse=True)
def media_root(tmp_path: Path, settings: Settings) -> Path:
    """Return the folder of all uploads."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.STORAGES = {
        **settings.STORAGES,
        **{
            name: {
                "BACKEND": "django.core.files.storage.FileSystemStorage",
                "OPTIONS": {"location": tmp_path / "media" / folder, "base_url": f"/media/{folder}/"},
            }
            for name, folder in (("default", "private"), ("public", "public"))
        },
    }
    return tmp_path / "media"


@pytest.fixture
def other(db: None) -> User:
    """Return another user."""
    return User.objects.create_user("bob@example.org")


@pytest.fixture
def own_client(client: Client, user: User) -> Client:
    """Return a client, logged in as the user."""
    client.force_login(user)
    return client


def create_document(owner: User, name: str) -> Document:
    """Return a new document."""
    return Document.objects.create(owner=owner, file=ContentFile(b"a secret", name))


@pytest.fixture(scope="module")
def gcs() -> Iterator[FakeGcs]:
    """Return the server that all tests share."""
    with fake_gcs() as server:
        yield server


@pytest.fixture
def oauth() -> Iterator[OAuthServer]:
    """Return the server that gives tokens to a service account."""
    with OAuthServer() as server:
        yield server


@pytest.fixture
def use_bucket(
    gcs: FakeGcs, monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> Callable[..., Storage]:
    """Return a function that moves the uploads of this test into a new bucket; with a key, its account signs."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)

    def use(key: dict[str, str] | None = None, **variables: Any) -> Storage:
        file = tmp_path / "key.json"
        file.write_text(json.dumps(key) if key else "")
        values = {"media_url": f"{gcs.make_bucket()}/{FOLDER}", "media_credentials": file, **variables}
        environment = read_environment(**values)
        found = uploads(environment, folder=tmp_path / "media", url="/media/")
        settings.STORAGES = {**settings.STORAGES, **found}
        return default_storage

    return use


@pytest.fixture
def bucket(use_bucket: Callable[..., Storage], configure: Callable[..., None]) -> Storage:
    """Return the private storage, in a bucket, of a site behind nginx."""
    configure(environment="local")
    return use_bucket()


def objects_in(storage: Any) -> list[str]:
    """Return the names of all objects in the storage's bucket."""
    return sorted(blob.name for blob in storage.client.list_blobs(storage.bucket_name))
