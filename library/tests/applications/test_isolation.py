"""A process that works on a copy of the database writes only to its own folder, and connects nowhere."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from django.conf import settings

WEB: Final = settings.BASE_DIRECTORY

REACH: Final = """
import json, multiprocessing, os, socket, subprocess, urllib.request
from django.conf import settings
from django.core.cache import cache
from django.core.mail import mail_admins, send_mail
from django.core.files.storage import storages
from config.celery import app

def attempt(reach):
    try:
        reach()
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    return "reached"

address = ("127.0.0.1", PORT)
datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
found = {
    "connect": attempt(lambda: socket.create_connection(address, timeout=5)),
    "connect by number": attempt(lambda: socket.socket().connect(address)),  # asks for no name first
    "http": attempt(lambda: urllib.request.urlopen("http://127.0.0.1:PORT/", timeout=5)),
    "listen": attempt(lambda: socket.socket().bind(("127.0.0.1", 0))),
    "name": attempt(lambda: socket.gethostbyname("localhost")),
    "name of an address": attempt(lambda: socket.gethostbyaddr("127.0.0.1")),
    "datagram": attempt(lambda: datagram.sendto(b"x", address)),
    "message": attempt(lambda: datagram.sendmsg([b"x"], [], 0, address)),
    "program": attempt(lambda: subprocess.run(["true"])),
    "program by the system": attempt(lambda: os.posix_spawn("/bin/true", ["true"], {})),
    "shell": attempt(lambda: os.system("true")),
    "another program": attempt(lambda: os.execv("/bin/true", ["true"])),
    "process": attempt(multiprocessing.get_context("spawn").Process(target=print).start),
}
cache.set("key", "value")
send_mail("subject", "text", None, ["erika@example.com"], using="transport")
storages["default"].save("a.txt", __import__("django.core.files.base").core.files.base.ContentFile(b"x"))
app.send_task("nothing", retry=False)
print(json.dumps(found | {"mail password": settings.ENVIRONMENT.email_password.get_secret_value()}))
"""


def run(code: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the code in Django's shell, and return the result."""
    script = f"import django; django.setup()\n{code}"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", **variables}
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=WEB, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def variables(tmp_path: Path) -> Mapping[str, str]:
    """Return PROD's variables, with servers that do not answer."""
    return {
        "ENVIRONMENT": "prod",
        "DATA_DIRECTORY": str(tmp_path / "data"),
        "SECRET_KEY": "only-for-tests-only-for-tests-only",
        "POSTGRES_PASSWORD": "only-for-tests",
        "VALKEY_URL": "redis://valkey.invalid:6379",
        "EMAIL_HOST": "mail.invalid",
        "ISOLATED": "true",
    }


@pytest.fixture
def listening() -> Any:
    """Return a socket that listens for connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def test_no_server_is_reached_and_files_are_in_its_own_folder(
    variables: Mapping[str, str], listening: socket.socket, tmp_path: Path
) -> None:
    port = listening.getsockname()[1]
    result = run(REACH.replace("PORT", str(port)), **variables)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found.pop("mail password") == ""
    assert "which is not allowed" in found.pop("http")
    assert [name for name, ended in found.items() if not ended.startswith("IsolationError")] == []
    with pytest.raises(BlockingIOError):
        listening.accept()
    assert len(list((tmp_path / "data/mail").iterdir())) == 1
    assert (tmp_path / "data/uploads/private/a.txt").read_text() == "x"


def test_without_isolation_the_same_code_connects(variables: Mapping[str, str], listening: socket.socket) -> None:
    """The isolation refuses the connections, not the test's machine."""
    code = f"import socket; socket.create_connection(('127.0.0.1', {listening.getsockname()[1]}), timeout=5).close()"
    result = run(code, **dict(variables) | {"ISOLATED": "false"})
    assert result.returncode == 0, result.stderr
    listening.setblocking(True)
    listening.settimeout(5)
    listening.accept()[0].close()


def test_the_error_names_the_line_of_the_project(variables: Mapping[str, str]) -> None:
    code = """import pages.views, socket
exec(compile("socket.getaddrinfo('example.com', 80)", pages.views.__file__, "exec"))"""
    result = run(code, **variables)
    assert result.returncode != 0
    assert "pages/views.py:1 tries to reach 'example.com' (socket.getaddrinfo)" in result.stderr
