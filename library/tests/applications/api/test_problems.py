"""Every error is a problem (RFC 9457), and no input is an error of the server."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from users.models import User

JSON = "application/json"


def require_problem(response: Any, status: int) -> dict[str, Any]:
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json"), response.content
    found: dict[str, Any] = response.json()
    assert (found["type"], found["status"], bool(found["title"])) == ("about:blank", status, True)
    return found


BODIES = {
    "not JSON": (b'{"name":', 400),
    "nothing": (b"", 422),
    "not UTF-8": (b'{"name": "\xff"}', 400),
    "deeply nested": (b"[" * 100_000, 400),
    "nested and complete": (b'{"name":' + b"[" * 900 + b"]" * 900 + b"}", 422),
    "a huge number": (b'{"name":' + b"9" * 10_000 + b"}", 400),
    "a number": (b'{"name": 1}', 422),
    "infinite": (b'{"name": Infinity}', 400),
    "not a number": (b"NaN", 400),
    "null": (b"null", 422),
    "a list": (b"[]", 422),
    "NUL": (b'{"name": "a\\u0000b"}', 422),
    "NUL in a name": (b'{"a\\u0000": 1}', 422),
    "half a character": (b'{"name": "\\ud800"}', 422),
    "too long": (b'{"name": "' + b"a" * 151 + b'"}', 422),
    "unknown": (b'{"name": "a", "is_staff": true}', 422),
    "too large": (b'{"name": "' + b"a" * 3_000_000 + b'"}', 413),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_wrong_body(api: Client, user: User, name: str) -> None:
    body, status = BODIES[name]
    require_problem(api.patch("/api/me", body, content_type=JSON), status)
    user.refresh_from_db()
    assert (user.name, user.is_staff) == ("", False)


def test_an_invalid_value_is_named(api: Client) -> None:
    found = require_problem(api.patch("/api/me", {"name": 1}, content_type=JSON), 422)
    [error] = found["errors"]
    assert (error["location"][0], error["location"][-1], error["code"]) == ("body", "name", "string_type")


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", ""])
def test_another_content_type(api: Client, kind: str) -> None:
    require_problem(api.patch("/api/me", b'{"name": "a"}', content_type=kind), 415)


def test_an_upload_that_is_no_form(api: Client) -> None:
    require_problem(api.post("/api/documents", b"{}", content_type=JSON), 415)
    require_problem(api.post("/api/documents", b"x", content_type="multipart/form-data"), 400)
    require_problem(api.post("/api/documents", {"file": "text"}), 422)


@pytest.mark.parametrize("size", [0])
def test_an_empty_file(api: Client, size: int) -> None:
    found = require_problem(api.post("/api/documents", {"file": SimpleUploadedFile("a.txt", b"a" * size)}), 422)
    assert found["errors"][0]["location"] == ["body", "file"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/", 404),
        ("/api/nothing", 404),
        ("/api/me/", 404),
        ("/api/me%00", 400),
        ("/api/documents/99999999999999999999999", 404),
        ("/api/documents/-1", 404),
        ("/api/documents/x", 404),
        ("/api/tasks/00000000-0000-0000-0000-000000000000", 404),
        ("/api/documents?limit=0", 422),
        ("/api/documents?limit=101", 422),
        ("/api/documents?limit=%00", 422),
        ("/api/documents?offset=99999999999999999999999", 422),
        ("/api/documents?offset=x", 422),
    ],
)
def test_a_wrong_address(api: Client, path: str, status: int) -> None:
    require_problem(api.get(path), status)


def test_another_method(api: Client) -> None:
    response = api.put("/api/me")
    require_problem(response, 405)
    assert set(response["Allow"].split(", ")) == {"GET", "PATCH"}


def test_another_host(db: None, api: Client) -> None:
    require_problem(api.get("/api/me", headers={"Host": "evil.example"}), 400)


def test_a_failure_is_logged_and_says_nothing(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> HttpResponse:
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr("bedplate.django.api.models.ApiTokenQuerySet.authenticate", fail)
    response = api.get("/api/me", headers={"X-Request-ID": "abc-123"})
    assert require_problem(response, 500)["request_id"] == "abc-123"
    assert b"secret" not in response.content
