"""The account and the address of a bucket of uploads: mistakes are named before anything changes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from bedplate.testing.oauth_server import OAuthServer
from config.environment import read_environment
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.core.management import CommandError, call_command
from django.db.models.signals import pre_migrate

from applications.media.conftest import Service


@pytest.mark.parametrize(("key", "reason"), [("", "there is no key"), ("{}", "not a service account's key")])
def test_a_missing_key_is_named(
    use_bucket: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str, reason: str
) -> None:
    storage = use_bucket()
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    (tmp_path / "key.json").write_text(key)
    with pytest.raises(ImproperlyConfigured, match=reason):
        storage.save("1/a.txt", ContentFile(b"x"))


@pytest.mark.parametrize(
    "url",
    ["bucket", "az://bucket", "gs://", "s3://", "s3://a/../b", "gs://a/../b", "gs://bucket/a b", "gs://Bucket", "/x"],
)
def test_another_address_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="MEDIA_URL"):
        read_environment(media_url=url)


@pytest.mark.parametrize(
    ("url", "folder"),
    [("gs://bucket", ""), ("s3://bucket/", ""), ("gs://my.bucket/a/b-c", "a/b-c/"), ("gs://my_bucket/.x/", None)],
)
def test_the_address_of_a_bucket_may_have_a_folder(url: str, folder: str | None) -> None:
    if folder is None:
        with pytest.raises(ImproperlyConfigured, match="MEDIA_URL"):
            read_environment(media_url=url)
        return
    found = read_environment(media_url=url).media_bucket
    assert found
    assert found.folder == folder


def test_a_usable_bucket_passes_the_check(
    service: Service, bucket: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("check_uploads")
    assert capsys.readouterr().out.startswith("Uploads ")
    assert service.names() == []


def test_uploads_in_a_folder_need_no_check() -> None:
    call_command("check_uploads")


def test_settings_of_an_earlier_release_are_named(configure: Callable[..., None]) -> None:
    configure(media_url="gs://bucket")
    with pytest.raises(CommandError, match=r"services\.uploads"):
        call_command("check_uploads")


def test_a_bucket_that_does_not_exist_is_named_before_a_migration(
    use_bucket: Callable[..., Any], oauth: OAuthServer
) -> None:
    use_bucket(oauth.issuer.new_key(), media_url="gs://no-such-bucket")
    with pytest.raises(CommandError, match=r"gs://no-such-bucket of MEDIA_URL does not exist: make it"):
        pre_migrate.send(sender=apps.get_app_config("media"))


def test_a_revoked_key_is_named(use_bucket: Callable[..., Any], oauth: OAuthServer) -> None:
    use_bucket(oauth.issuer.new_key())
    oauth.issuer.revoke()
    with pytest.raises(CommandError, match=r"Google does not accept media_credentials .*invalid_grant"):
        call_command("check_uploads")


class Refusing(BaseHTTPRequestHandler):
    """A storage that refuses to create objects."""

    def do_GET(self) -> None:
        of_bucket = self.path.partition("?")[0].endswith("/o")
        self._send(HTTPStatus.OK if of_bucket else HTTPStatus.NOT_FOUND, "No such object")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._send(HTTPStatus.FORBIDDEN, "uploads@example.com does not have storage.objects.create access")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name for it
        """Log nothing."""

    def _send(self, status: HTTPStatus, message: str) -> None:
        body = json.dumps({"error": {"code": status, "message": message}}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_a_missing_right_is_named(use_bucket: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    use_bucket()
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(
            CommandError, match=r"may not create objects in gs://.*storage\.objects\.create.*in-a-bucket"
        ):
            call_command("check_uploads")
        server.shutdown()


def test_googles_packages_are_imported_only_with_a_bucket() -> None:
    """They take half a second of each start."""
    code = (
        "import django, sys; django.setup(); from django.core.files.storage import storages; storages['public']; "
        "print([name for name in sys.modules if name.startswith(('storages', 'google.cloud'))])"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.tests.settings", "MEDIA_URL": ""}
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=settings.BASE_DIRECTORY, env=environment)
    assert printed.strip() == b"[]"
