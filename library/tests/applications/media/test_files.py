"""Access to uploaded files, and their headers for browsers."""

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test import Client
from users.models import User

from applications.media.conftest import create_document


def content(response: Any) -> bytes:
    """Return the content of a streaming response."""
    return b"".join(response)


def test_the_owner_gets_a_private_file(own_client: Client, user: User, configure: Callable[..., None]) -> None:
    configure(environment="embedded")
    response = own_client.get(create_document(user, "report.txt").file.url)
    assert content(response) == b"a secret"
    assert response["Content-Type"] == "text/plain"
    assert "no-store" in response["Cache-Control"]
    assert response["Content-Security-Policy"].startswith("default-src 'none'")


def test_other_users_get_404_for_a_private_file(client: Client, user: User, other: User, staff: User) -> None:
    address = create_document(user, "report.txt").file.url
    assert client.get(address)["Location"] == f"/accounts/login/?next={address}"
    for each in (other, staff):
        client.force_login(each)
        assert client.get(address).status_code == HTTPStatus.NOT_FOUND


def test_nginx_sends_the_file(own_client: Client, user: User, configure: Callable[..., None]) -> None:
    configure(environment="local")
    document = create_document(user, "100% café?.txt")
    response = own_client.get(document.file.url)
    assert response.content == b""
    assert response["X-Accel-Redirect"] == document.file.url.replace("/media/private/", "/_private/")
    assert response["Content-Type"] == "text/plain"


@pytest.mark.parametrize(
    "trick",
    [
        "{own}/../{theirs}",
        "{own}/%2e%2e/{theirs}",
        "{own}/..%2f{theirs}",
        "{own}//../{theirs}",
        "{own}/../../../{theirs}",
        "/{theirs}",
        "{own}/{random}",
        "{own}/{random}/",
        "{own}",
        "{own}/{random}/mine.txt%00.png",
        "{own}/./{random}/mine.txt",
        "..",
        "../private/{theirs}",
    ],
)
def test_path_traversal_is_refused(
    own_client: Client, user: User, other: User, configure: Callable[..., None], trick: str
) -> None:
    mine, theirs = create_document(user, "mine.txt").file.url, create_document(other, "theirs.txt").file.url
    theirs, random = theirs.removeprefix("/media/private/"), mine.split("/")[4]
    path = trick.format(own=user.pk, theirs=theirs, random=random)
    for environment in ("embedded", "prod"):
        configure(environment=environment)
        assert own_client.get(f"/media/private/{path}", secure=True).status_code == HTTPStatus.NOT_FOUND


ACTS: Final = (
    "page.html", "page.HTML", "page.htm", "page.xhtml", "page.shtml", "page.mhtml", "picture.svg", "picture.SVG",
    "picture.svgz", "feed.xml", "style.xsl", "script.js", "script.mjs", "style.css", "data.json", "paper.pdf",
    "page.html.gz", "notes.txt.gz", "unknown.xyz", "no-suffix", "page.txt.html", "picture.png.svg",
)  # fmt: skip
SHOWN: Final = {
    "picture.png": "image/png",
    "PICTURE.PNG": "image/png",
    "photo.jpg": "image/jpeg",
    "moving.gif": "image/gif",
    "small.webp": "image/webp",
    "small.avif": "image/avif",
    "notes.txt": "text/plain",
    "page.html.txt": "text/plain",
}


@pytest.mark.parametrize("environment", ["embedded", "prod"])
@pytest.mark.parametrize("name", [*ACTS, *SHOWN])
def test_only_images_and_plain_text_are_shown(
    own_client: Client, user: User, configure: Callable[..., None], name: str, environment: str
) -> None:
    configure(environment=environment)
    response = own_client.get(create_document(user, name).file.url, secure=True)
    disposition = response.get("Content-Disposition", "inline").partition(";")[0]
    shown_as = response["Content-Type"] if disposition == "inline" else None
    assert (disposition, shown_as) == (("inline", SHOWN[name]) if name in SHOWN else ("attachment", None))
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    content(response)  # this closes the file


def test_everyone_gets_a_public_file(db: None, client: Client, media_root: Path) -> None:
    storage = storages["public"]
    name = storage.save("pictures/a house.png", ContentFile(b"a house"))
    response = client.get(storage.url(name))
    assert content(response) == b"a house"
    assert (media_root / "public" / name).is_file()
    assert "sandbox" in response["Content-Security-Policy"]


@pytest.mark.parametrize("trick", ["../private/{name}", "%2e%2e/private/{name}", "/etc/passwd", "", "pictures%00"])
def test_private_files_are_not_reachable_as_public_ones(client: Client, user: User, trick: str) -> None:
    address = "/media/public/" + trick.format(name=create_document(user, "report.txt").file.name)
    assert client.get(address).status_code == HTTPStatus.NOT_FOUND
