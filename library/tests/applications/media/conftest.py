"""Uploads in the test's own folder, or in a bucket."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

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

if TYPE_CHECKING:
    from s3_service import S3Service

FOLDER: Final = "site/uploads"
"""In the bucket."""
# The project's containers have no client of S3 (decision 36); the tests of its service run beside them.
SERVICES: Final = ["gs", "s3"] if find_spec("boto3") else ["gs"]


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


@pytest.fixture(scope="package")
def gcs() -> Iterator[FakeGcs]:
    """Return the server that all tests share."""
    with fake_gcs() as server:
        yield server


@pytest.fixture(scope="package")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[S3Service]":
    """Return the service with S3's protocol that all tests share."""
    from s3_service import s3_service  # noqa: PLC0415 - see SERVICES

    with s3_service(tmp_path_factory.mktemp("s3") / "data") as service:
        yield service


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
def use_s3(s3_server: "S3Service", settings: Settings, tmp_path: Path) -> Callable[..., Storage]:
    """Return a function that moves the uploads of this test into an empty bucket of S3, with an account's key."""
    from s3_service import REGION, credentials  # noqa: PLC0415 - see SERVICES

    s3_server.empty()

    def use(key: str | None = None, **variables: Any) -> Storage:
        file = tmp_path / "credentials"
        file.write_text(credentials() if key is None else key)
        values = {"media_url": f"s3://uploads/{FOLDER}", "media_credentials": file, "s3_endpoint": s3_server.url}
        environment = read_environment(**{**values, "s3_region": REGION, **variables})
        found = uploads(environment, folder=tmp_path / "media", url="/media/")
        settings.STORAGES = {**settings.STORAGES, **found}
        return default_storage

    return use


@dataclass(frozen=True)
class Service:
    """The service of the test's bucket."""

    url: str
    names: Callable[[], list[str]]
    """Returns the names of all objects in the bucket."""


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest, configure: Callable[..., None]) -> Service:
    """Return the service of a bucket with the uploads of a site behind nginx."""
    configure(environment="local")
    if request.param == "s3":
        request.getfixturevalue("use_s3")()
        server = request.getfixturevalue("s3_server")
        return Service(server.url, server.names)
    storage = request.getfixturevalue("use_bucket")()
    return Service(request.getfixturevalue("gcs").url, lambda: objects_in(storage))


@pytest.fixture
def bucket(service: Service) -> Storage:
    """Return the private storage, in a bucket of each service."""
    return default_storage


def objects_in(storage: Any) -> list[str]:
    """Return the names of all objects in the storage's bucket of Google."""
    return sorted(blob.name for blob in storage.client.list_blobs(storage.bucket_name))
