"""The page of the user's documents."""

from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from urllib.parse import quote

import pytest
from bedplate.django.media import models
from bedplate.django.media.models import Document, delete_with_folder, path_of_owner
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks
from users.models import User

from applications.media.conftest import create_document


def upload(client: Client, name: str, content: bytes = b"content") -> int:
    """Send the form, and return the status of the response."""
    return client.post("/documents/", {"file": SimpleUploadedFile(name, content)}).status_code


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_an_upload_is_listed_and_can_be_opened(own_client: Client) -> None:
    assert upload(own_client, "my report.txt") == HTTPStatus.FOUND
    document = Document.objects.get()
    page = own_client.get("/documents/").content.decode()
    assert f'href="{document.file.url}"' in page
    assert ">my report.txt</a>" in page
    assert document.size == len(b"content")


def test_a_document_keeps_the_name_of_its_file(own_client: Client) -> None:
    upload(own_client, "my  été report.pdf")
    document = Document.objects.get()
    assert str(document) == "my  été report.pdf"
    response = own_client.get(document.file.url)
    assert quote("my  été report.pdf") in response["Content-Disposition"]
    b"".join(response)


def test_a_long_name_keeps_its_suffix(user: User) -> None:
    assert str(create_document(user, "a" * 300 + ".pdf")) == "a" * 251 + ".pdf"
    assert Document.objects.get().name.endswith(".pdf")


def test_documents_from_before_get_the_name_in_the_storage(user: User) -> None:
    create_document(user, "my report.txt")
    Document.objects.update(name="")
    import_module("bedplate.django.media.migrations.0002_names_of_documents").name_documents(apps, None)
    assert Document.objects.get().name == "my_report.txt"


def test_a_deletion_asks_first(own_client: Client, user: User) -> None:
    document = create_document(user, "my report.txt")
    address = f"/documents/{document.pk}/delete/"
    assert f'href="{address}"' in own_client.get("/documents/").content.decode()
    page = own_client.get(address).content.decode()
    assert "Delete <strong>my report.txt</strong>?" in page
    assert '<a class="button button--secondary" href="/documents/">Cancel</a>' in page
    assert Document.objects.exists()
    own_client.post(address)
    assert not Document.objects.exists()


def test_anonymous_users_are_redirected_to_the_login(client: Client) -> None:
    assert client.get("/documents/")["Location"] == "/accounts/login/?next=/documents/"


def test_documents_of_others_are_not_listed(own_client: Client, other: User) -> None:
    create_document(other, "theirs.txt")
    assert "No document yet." in own_client.get("/documents/").content.decode()


@pytest.mark.parametrize("name", ["é" * 250 + ".txt", "\U0001f600" * 200, "a." + "b" * 250, "..\\..\\x.txt", "<b>.txt"])
def test_any_file_name_can_be_uploaded(own_client: Client, user: User, media_root: Path, name: str) -> None:
    assert upload(own_client, name) == HTTPStatus.FOUND
    (path,) = files(media_root)
    assert path.is_relative_to(media_root / "private" / str(user.pk))
    response = own_client.get(Document.objects.get().file.url)
    assert response.status_code == HTTPStatus.OK
    b"".join(response)  # this closes the file; close() would also close the database connection
    assert "<b>" not in own_client.get("/documents/").content.decode()


@pytest.mark.parametrize("whole", ["document", "owner"])
def test_the_file_is_deleted_with_its_document(
    own_client: Client,
    user: User,
    media_root: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    whole: str,
) -> None:
    document = create_document(user, "report.txt")
    with django_capture_on_commit_callbacks(execute=True):
        if whole == "document":
            own_client.post(f"/documents/{document.pk}/delete/")
        else:
            user.delete()
        assert files(media_root)  # not before the commit
    assert not Document.objects.exists()
    assert files(media_root) == []


def test_the_folder_of_a_deleted_file_is_removed(
    own_client: Client,
    user: User,
    media_root: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    for number in range(3):
        upload(own_client, f"{number}.txt")
        with django_capture_on_commit_callbacks(execute=True):
            own_client.post(f"/documents/{Document.objects.get().pk}/delete/")
    assert list((media_root / "private" / str(user.pk)).iterdir()) == []


def test_no_upload_is_lost_during_deletions(user: User, media_root: Path) -> None:
    def come_and_go(_number: int) -> None:
        kept, gone = (
            default_storage.save(path_of_owner(Document(owner=user), "a.txt"), ContentFile(b"a")) for _ in range(2)
        )
        delete_with_folder(default_storage, gone)
        assert default_storage.exists(kept)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(come_and_go, range(200)))
    assert len(files(media_root)) == len(list((media_root / "private" / str(user.pk)).iterdir())) == 200


def test_a_folder_with_another_file_is_kept(user: User, media_root: Path) -> None:
    document = create_document(user, "report.txt")
    other = Path(document.file.path).with_name("other.txt")
    other.write_text("other")
    delete_with_folder(document.file.storage, str(document.file.name))
    assert files(media_root) == [other]


def test_documents_of_others_cannot_be_deleted(own_client: Client, other: User) -> None:
    document = create_document(other, "theirs.txt")
    for method in (own_client.get, own_client.post):
        assert method(f"/documents/{document.pk}/delete/").status_code == HTTPStatus.NOT_FOUND
    assert Document.objects.exists()


def test_the_number_of_documents_is_limited(
    own_client: Client, user: User, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "MAX_DOCUMENTS", 1)
    create_document(user, "first.txt")
    assert upload(own_client, "second.txt") == HTTPStatus.OK
    assert len(files(media_root)) == 1


def test_staff_sees_owners_of_documents_and_cannot_open_them(client: Client, staff: User, user: User) -> None:
    document = create_document(user, "report.txt")
    client.force_login(staff)
    for address in ("/admin/media/document/", f"/admin/media/document/{document.pk}/change/"):
        page = client.get(address).content.decode()
        assert user.email in page
        assert document.file.url not in page
