"""Uploads in a bucket: the same pages, on real servers with the protocols of Google Cloud Storage and of S3."""

import os
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pytest
import requests
from bedplate.django.accounts.personal_data import archive, collect
from bedplate.django.media.bucket import CHUNK_SIZE
from bedplate.django.media.models import Document
from bedplate.django.media.tasks import remove_folder
from bedplate.testing.fake_gcs import FakeGcs
from bedplate.testing.oauth_server import OAuthServer
from bedplate.testing.signed_addresses import is_signed
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks
from users.models import User

from applications.media.conftest import FOLDER, Service, create_document

LIMIT: Final = 20


def fetch(service: Service, storage: Any, response: Any, **headers: str) -> requests.Response:
    """Return what nginx gets for this response of the application."""
    _path, _, address = response["X-Accel-Redirect"].partition("?")
    return requests.get(f"{service.url}/{storage.bucket_name}/{address}", headers=headers, timeout=LIMIT)


def test_an_upload_comes_back_through_nginx(own_client: Client, user: User, service: Service, bucket: Storage) -> None:
    own_client.post("/documents/", {"file": SimpleUploadedFile("my report.txt", b"a secret")})
    document = Document.objects.get()
    assert service.names() == [f"{FOLDER}/private/{document.file.name}"]
    response = own_client.get(document.file.url)
    assert response["X-Accel-Redirect"].startswith(f"/_bucket/{document.file.name}?")
    assert (response.content, response["Content-Type"]) == (b"", "text/plain")
    assert "no-store" in response["Cache-Control"]
    assert fetch(service, bucket, response).content == b"a secret"
    part = fetch(service, bucket, response, Range="bytes=2-4")
    assert (part.status_code, part.content) == (HTTPStatus.PARTIAL_CONTENT, b"sec")


@pytest.mark.parametrize("name", ["100% café?.txt", "a#b&c=d.txt", "x%2e%2e%2fy.txt", "(1) [2] ~3~ 'é'.tar.gz"])
def test_any_file_name_works(own_client: Client, user: User, service: Service, bucket: Storage, name: str) -> None:
    document = create_document(user, name)
    response = own_client.get(document.file.url)
    answer = fetch(service, bucket, response)
    assert (answer.content, "Content-Encoding" in answer.headers) == (b"a secret", False)


def test_other_users_get_404_for_a_private_file(client: Client, user: User, other: User, bucket: Storage) -> None:
    address = create_document(user, "report.txt").file.url
    assert client.get(address)["Location"] == f"/accounts/login/?next={address}"
    client.force_login(other)
    assert client.get(address).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    "trick",
    [
        "{own}/../{theirs}",
        "{own}/..%5c{theirs}",
        "{own}%5c..%5c{theirs}",
        "{own}/x%5c..%5c..%5c{theirs}",
        "{own}/..%2f{theirs}",
        "{own}//../{theirs}",
        "/{theirs}",
        "{own}/./x",
        "{own}/x%0d%0aX-Injected: yes",
        "{own}/" + "x" * 1024,
    ],
)
def test_no_path_leads_to_the_files_of_others(
    own_client: Client, user: User, other: User, bucket: Storage, trick: str
) -> None:
    path = trick.format(own=user.pk, theirs=create_document(other, "theirs.txt").file.name)
    response = own_client.get(f"/media/private/{path}")
    assert response.status_code == HTTPStatus.NOT_FOUND
    assert "X-Accel-Redirect" not in response


@pytest.mark.parametrize("trick", ["../private/{name}", "..%5cprivate%5c{name}", "x%5c..%5c..%5cprivate/{name}", ""])
def test_private_files_are_not_reachable_as_public_ones(
    client: Client, user: User, bucket: Storage, trick: str
) -> None:
    address = "/media/public/" + trick.format(name=create_document(user, "report.txt").file.name)
    assert client.get(address).status_code == HTTPStatus.NOT_FOUND


def test_everyone_gets_a_public_file(db: None, client: Client, service: Service, bucket: Storage) -> None:
    public: Any = storages["public"]
    name = public.save("pictures/a house.png", ContentFile(b"a house"))
    response = client.get(public.url(name))
    assert (response["Content-Type"], response["Cache-Control"]) == ("image/png", "public, max-age=300")
    assert fetch(service, public, response).content == b"a house"
    assert response["Content-Disposition"].startswith("inline")
    page = client.get(public.url(public.save("page.html", ContentFile(b"<script>"))))
    assert page["Content-Disposition"].startswith("attachment")


def test_a_name_that_is_taken_is_not_replaced(service: Service, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.save("1/a.txt", ContentFile(b"first"))
    with monkeypatch.context() as unaware:  # of the object of another process
        unaware.setattr(type(bucket._wrapped), "exists", lambda _self, name: name == "never")  # noqa: SLF001 - a LazyObject
        second = bucket._wrapped._save("1/a.txt", ContentFile(b"second"))  # noqa: SLF001 - it is what may meet another
    assert second != "1/a.txt"
    for name, content in (("1/a.txt", b"first"), (second, b"second")):
        with bucket.open(name) as file:
            assert file.read() == content


@pytest.mark.parametrize("size", [1, 10_000])
def test_a_file_is_stored_whole_whatever_size_it_says(bucket: Any, size: int) -> None:
    """An image that was changed after the upload has the size of before."""
    file = ContentFile(b"x" * 100)
    file.size = size
    bucket.save("1/first.txt", file)
    bucket.save("1/second.txt", ContentFile(b"another"))  # on the same connection
    for name, content in (("1/first.txt", b"x" * 100), ("1/second.txt", b"another")):
        with bucket.open(name) as stored:
            assert stored.read() == content


def test_text_is_stored_as_utf_8(bucket: Any) -> None:
    name = bucket.save("1/a.txt", ContentFile("été"))
    with bucket.open(name) as file:
        assert file.read().decode() == "été"


def test_a_large_file_comes_back_as_it_went(bucket: Any) -> None:
    """It is sent and fetched in chunks."""
    sent = os.urandom(3 * CHUNK_SIZE + 1)
    name = bucket.save("1/film.mp4", ContentFile(sent))
    assert bucket.size(name) == len(sent)
    with bucket.open(name) as file:
        assert file.read() == sent


def test_a_deleted_document_leaves_nothing(
    user: User, service: Service, bucket: Storage, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    kept = create_document(user, "kept.txt")
    with django_capture_on_commit_callbacks(execute=True):
        create_document(user, "gone.txt").delete()
    assert service.names() == [f"{FOLDER}/private/{kept.file.name}"]


def test_the_files_of_a_deleted_account_go(user: User, other: User, service: Service, bucket: Storage) -> None:
    create_document(user, "a.txt")
    bucket.save(f"{user.pk}/random/orphan.txt", ContentFile(b"x"))
    kept = create_document(other, "b.txt")
    remove_folder(bucket, str(user.pk))
    remove_folder(bucket, str(user.pk))  # again, after an interruption
    assert service.names() == [f"{FOLDER}/private/{kept.file.name}"]


def test_the_export_of_an_account_has_its_files(user: User, bucket: Storage, tmp_path: Path) -> None:
    create_document(user, "report.txt")
    gone = create_document(user, "gone.txt")
    bucket.delete(gone.file.name or "")
    data = b"".join(archive(collect(user)))
    assert b"a secret" in data
    assert b"missing-files.txt" in data


def test_embedded_mode_sends_files_itself(
    own_client: Client, user: User, use_bucket: Callable[..., Storage], configure: Callable[..., None]
) -> None:
    configure(environment="embedded")
    storage = use_bucket()
    document = create_document(user, "report.txt")
    assert b"".join(own_client.get(document.file.url)) == b"a secret"
    storage.delete(document.file.name or "")
    assert own_client.get(document.file.url).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_address_is_signed_for_this_request(  # noqa: PLR0913, PLR0917 - fixtures
    own_client: Client,
    user: User,
    gcs: FakeGcs,
    oauth: OAuthServer,
    use_bucket: Callable[..., Any],
    configure: Callable[..., None],
    method: str,
) -> None:
    configure(environment="local")
    storage = use_bucket(oauth.issuer.new_key())
    document = create_document(user, "100% (café)?.txt")
    response = own_client.generic(method, document.file.url)
    _path, _, address = response["X-Accel-Redirect"].partition("?")
    [public_key] = oauth.issuer.keys.values()
    host, path = urlsplit(gcs.url).netloc, f"/{storage.bucket_name}/{address}"
    assert is_signed(method, host, path, public_key=public_key)
    assert not is_signed("PUT", host, path, public_key=public_key)
    assert not is_signed(method, host, path.replace("private", "public"), public_key=public_key)
    assert "&X-Goog-Expires=300&X-Goog-SignedHeaders=host&" in path
    name = unquote(address.partition("?")[0])
    assert name == f"{FOLDER}/private/{document.file.name}"


def test_an_isolated_process_has_a_folder(use_bucket: Callable[..., Any]) -> None:
    """It works on a copy of the database, and may not reach live files."""
    assert use_bucket(isolated=True).__class__.__name__ == "FileSystemStorage"


def test_a_public_file_is_the_same_for_all(own_client: Client, bucket: Storage) -> None:
    """Caches may keep it: it sets no cookie, also not for a user."""
    public = storages["public"]
    response = own_client.get(public.url(public.save("house.txt", ContentFile(b"a house"))))
    assert response.cookies.output() == ""
