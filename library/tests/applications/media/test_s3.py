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
from bedplate.django.media.s3_bucket import S3BucketStorage
from config.environment import read_environment
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client
from s3_service import REGION, S3Service, credentials
from users.models import User

from applications.media.conftest import FOLDER, create_document

LIMIT: Final = 20


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


@pytest.mark.parametrize(
    ("operation", "condition", "reason"),
    [
        ("PutObject", "If-None-Match", r"replaces objects although .*\(IfNoneMatch\)"),
        ("PutObject", "If-Match", "replaces objects that have changed although"),
        ("CopyObject", "If-None-Match", "replaces objects with copies although"),
        ("CopyObject", "If-Match", "replaces objects that have changed with copies although"),
        ("CopyObject", "x-amz-copy-source-if-match", "copies objects that have changed although"),
        ("DeleteObject", "If-Match", "deletes objects that have changed although"),
    ],
)
def test_a_service_that_ignores_a_condition_is_refused(
    use_s3: Callable[..., Any], operation: str, condition: str, reason: str
) -> None:
    """The condition never reaches it."""
    storage = use_s3()

    def leave_out(request: Any, **_: Any) -> None:
        del request.headers[condition]

    storage.client.meta.events.register(f"before-sign.s3.{operation}", leave_out)
    with pytest.raises(CommandError, match=f"s3://uploads of MEDIA_URL {reason}"):
        call_command("check_uploads")


def test_a_bucket_without_md5_is_refused(use_s3: Callable[..., Any]) -> None:
    storage = use_s3()

    def encrypt(parsed: dict[str, Any], **_: Any) -> None:
        parsed["ETag"] = f'"{"a" * 32}"'

    storage.client.meta.events.register("after-call.s3.HeadObject", encrypt)
    with pytest.raises(CommandError, match=r"s3://uploads of MEDIA_URL has no MD5 of its objects.*SSE-S3"):
        call_command("check_uploads")


def test_signed_addresses_are_tried(use_s3: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """S3's client corrects a wrong S3_REGION by itself, except in them."""
    use_s3()
    sign = S3BucketStorage.sign

    def of_another_region(self: Any, full_name: str, *, method: str) -> str:
        return str(sign(self, full_name, method=method)).replace(REGION, "us-east-1")

    monkeypatch.setattr(S3BucketStorage, "sign", of_another_region)
    with pytest.raises(CommandError, match=r"MEDIA_URL answers 403 to a signed address.*S3_REGION"):
        call_command("check_uploads")


def test_no_message_shows_a_signed_address(use_s3: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    use_s3()

    def fail(url: str, **_: Any) -> None:
        raise requests.ConnectionError(f"no answer from {url}")

    monkeypatch.setattr(requests, "get", fail)
    with pytest.raises(CommandError, match="MEDIA_URL answers ConnectionError to a signed address") as raised:
        call_command("check_uploads")
    assert "Signature" not in str(raised.value)


class Forgetful(BaseHTTPRequestHandler):
    """Passes requests on to the service; the answer to the first PUT is lost."""

    def do_PUT(self) -> None:
        self._pass_on(self.rfile.read(int(self.headers["Content-Length"])))

    def do_GET(self) -> None:
        self._pass_on(None)

    do_HEAD = do_GET  # noqa: N815 - the base class's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name for it
        """Log nothing."""

    def _pass_on(self, body: bytes | None) -> None:
        server: Any = self.server
        url = f"{server.service}{self.path}"
        answer = requests.request(self.command, url, data=body, headers=dict(self.headers), timeout=LIMIT)
        if self.command == "PUT" and not server.lost:
            server.lost = True
            return
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.content)


def test_a_lost_answer_leaves_no_second_copy(use_s3: Callable[..., Any], s3_server: S3Service) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Forgetful) as server:
        server.service, server.lost = s3_server.url, False  # type: ignore[attr-defined]
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        storage = use_s3(s3_endpoint=f"http://127.0.0.1:{server.server_port}")
        name = storage.save("1/report.txt", ContentFile(b"a secret"))
        server.shutdown()
        assert server.lost  # type: ignore[attr-defined]
    assert name == "1/report.txt"
    assert s3_server.names() == [f"{FOLDER}/private/1/report.txt"]


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


@pytest.mark.parametrize(
    "endpoint", ["s3.example.com", "https://S3.example.com", "https://s3.example.com/path", "https://a b", "ftp://x"]
)
def test_another_endpoint_is_refused_at_the_start(endpoint: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="S3_ENDPOINT"):
        read_environment(media_url="s3://uploads", s3_endpoint=endpoint)


def test_the_endpoint_is_amazons_by_default(use_s3: Callable[..., Any]) -> None:
    use_s3(s3_endpoint="", s3_region="eu-west-3")
    storage: Any = default_storage
    assert storage.endpoint_url == "https://s3.eu-west-3.amazonaws.com"
    assert storage.signed_address("1/a.txt", method="GET").startswith(f"{FOLDER}/private/1/a.txt?X-Amz-Algorithm=")
