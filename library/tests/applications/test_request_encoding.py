"""Fields and query of a request are UTF-8, whatever encoding it names."""

from typing import Final

import pytest
from django.test import Client
from users.models import User

BOUNDARY: Final = "boundary"
# These decode `TEXT` as half a character, which no database stores.
ENCODINGS: Final = ("unicode_escape", "utf-7")
ADDRESS: Final = {"X-Real-IP": "192.0.2.1"}
TEXT: Final = "\\ud800+2AA-"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]


@pytest.fixture
def visitor(user: User) -> Client:
    """Return a client of the user that gets a page for each error."""
    client = Client(headers=ADDRESS, raise_request_exception=False)
    client.force_login(user)
    return client


@pytest.mark.parametrize("encoding", [*ENCODINGS, "hex", "undefined", "unknown"])
def test_a_form(visitor: Client, user: User, encoding: str) -> None:
    disposition = 'Content-Disposition: form-data; name="name"'
    body = f"--{BOUNDARY}\r\n{disposition}\r\n\r\n{TEXT}é\r\n--{BOUNDARY}--\r\n".encode()
    kind = f"multipart/form-data; boundary={BOUNDARY}; charset={encoding}"
    assert visitor.generic("POST", "/accounts/name/", body, kind).status_code == 302
    user.refresh_from_db()
    assert user.name == f"{TEXT}é"
    assert (
        Client(headers=ADDRESS, raise_request_exception=False)
        .generic("POST", "/accounts/login/", body, kind)
        .status_code
        == 200
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_query(db: None, encoding: str) -> None:
    client = Client(raise_request_exception=False)
    address = "/accounts/login/?next=%5cud800%2b2AA-"
    assert client.get(address, CONTENT_TYPE=f"text/plain; charset={encoding}").status_code == 200
