"""A bucket of S3: its signed addresses; what is wrong with an account or a service is named before anything changes."""

import sys
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import requests
from config.environment import read_environment
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client
from s3_service import S3Service, credentials
from users.models import User

from applications.media.conftest import FOLDER, create_document

LIMIT: Final = 20
CONTENT: Final = b"written by the check of uploads, and not needed"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_address_is_signed_for_this_request(  # noqa: PLR0913, PLR0917 - fixtures
    own_client: Client,
    user: User,
    s3_server: S3Service,
    use_s3: Callable[..., Any],
    configure: Callable[..., None],
    method: str,
) -> None:
    """The service checks signatures: another file, another method, and a change of the signature are refused."""
    configure(environment="local")
    use_s3()
    document = create_document(user, "100% (café)?.txt")
    create_document(user, "other.txt")
    response = own_client.generic(method, document.file.url)
    _path, _, address = response["X-Accel-Redirect"].partition("?")
    url = f"{s3_server.url}/uploads/{address}"
    assert "&X-Amz-Expires=300&X-Amz-SignedHeaders=host&" in url
    assert requests.request(method, url, timeout=LIMIT).status_code == HTTPStatus.OK
    other = "DELETE" if method == "GET" else "PUT"
    for tried, changed in (
        (other, url),
        (method, url.replace("caf%C3%A9", "cafe")),
        (method, url.replace("X-Amz-Expires=300", "X-Amz-Expires=3000")),
        (method, f"{s3_server.url}/uploads/{FOLDER}/{urlsplit(url).query}"),
    ):
        assert requests.request(tried, changed, timeout=LIMIT).status_code == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", r"there is no key of its account.*media_credentials --from credentials"),
        ("{}", "has no access key of S3"),
        ("[default]\naws_access_key_id = x\n", "has no access key of S3"),
        (credentials("READER"), r"may not create objects in s3://uploads .*AccessDenied"),
        (
            credentials("UPLOADS").replace("secret-of", "not-the-secret-of"),
            r"S3 does not accept media_credentials .*SignatureDoesNotMatch",
        ),
        (credentials("STRANGER"), r"S3 does not accept media_credentials .*InvalidAccessKeyId"),
    ],
)
def test_an_account_that_cannot_store_is_named(use_s3: Callable[..., Any], key: str, reason: str) -> None:
    use_s3(key)
    with pytest.raises(CommandError, match=reason) as raised:
        call_command("check_uploads")
    assert "secret-of" not in str(raised.value)


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"media_url": "s3://others"}, r"may not list objects in s3://others"),
        ({"s3_endpoint": "http://127.0.0.1:1"}, r"s3://uploads, for uploads, failed when asked to list objects"),
    ],
)
def test_a_bucket_that_cannot_be_used_is_named(
    use_s3: Callable[..., Any], variables: dict[str, str], reason: str
) -> None:
    use_s3(**variables)
    with pytest.raises(CommandError, match=reason):
        call_command("check_uploads")


class Careless(BaseHTTPRequestHandler):
    """A service that ignores conditions, or whose ETags are no MD5."""

    conditions = False
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._send(HTTPStatus.OK if "file" in self.server.stored else HTTPStatus.NOT_FOUND, CONTENT)  # type: ignore[attr-defined]

    def do_GET(self) -> None:
        if self.path.partition("?")[2]:
            self._send(HTTPStatus.OK, b"<ListBucketResult/>")
        else:
            self.do_HEAD()

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        taken = self.conditions and "file" in self.server.stored  # type: ignore[attr-defined]
        self.server.stored.add("file")  # type: ignore[attr-defined]
        self._send(HTTPStatus.PRECONDITION_FAILED if taken else HTTPStatus.OK, b"")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name for it
        """Log nothing."""

    def _send(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("ETag", f'"{"0" * 32}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [(False, "MEDIA_URL replaces objects although"), (True, r"MEDIA_URL has no MD5 of its objects.*SSE-S3")],
)
def test_a_service_that_would_lose_uploads_is_refused(
    use_s3: Callable[..., Any], conditions: bool, reason: str
) -> None:
    handler = type("Handler", (Careless,), {"conditions": conditions})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.stored = set()  # type: ignore[attr-defined]
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        use_s3(s3_endpoint=f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(CommandError, match=reason):
            call_command("check_uploads")
        server.shutdown()


def test_without_its_client_the_package_is_named(
    use_s3: Callable[..., Any], configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(media_url="s3://uploads")
    for name in [name for name in sys.modules if name.partition(".")[0] in {"boto3", "botocore"}]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("bedplate.django.media.s3_bucket", "storages.backends.s3"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.setitem(sys.modules, "botocore", None)
    use_s3()
    with pytest.raises(CommandError, match=r'MEDIA_URL .* add "boto3" to the dependencies in web/pyproject.toml'):
        call_command("check_uploads")


@pytest.mark.parametrize("endpoint", ["s3.example.com", "https://s3.example.com/path", "https://a b", "ftp://x"])
def test_another_endpoint_is_refused_at_the_start(endpoint: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="S3_ENDPOINT"):
        read_environment(media_url="s3://uploads", s3_endpoint=endpoint)


def test_the_endpoint_is_amazons_by_default(use_s3: Callable[..., Any]) -> None:
    use_s3(s3_endpoint="", s3_region="eu-west-3")
    storage: Any = default_storage
    assert storage.endpoint_url == "https://s3.eu-west-3.amazonaws.com"
    assert storage.signed_address("1/a.txt", method="GET").startswith(f"{FOLDER}/private/1/a.txt?X-Amz-Algorithm=")
