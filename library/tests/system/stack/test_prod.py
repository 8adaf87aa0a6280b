"""PROD's differences from DEV: no HTTP basic auth, and mail that is sent."""

import re

import pytest
from bedplate.testing.server import DOMAIN, EMAIL, Server
from documents import calls_of, commands_of

from stack.first_server import HOW_TO
from stack.test_servers import assert_security_headers

pytestmark = [pytest.mark.stack, pytest.mark.parametrize("server", ["prod"], indirect=True, scope="session")]


def test_no_basic_auth_is_required(server: Server) -> None:
    """PROD needs no password, and lets search engines index it."""
    answer = server.get("/")
    assert answer.status == 200
    assert "WWW-Authenticate" not in answer.headers
    assert "X-Robots-Tag" not in answer.headers


def test_mail_is_not_caught(server: Server) -> None:
    """There is no mail catcher: mail is sent by SMTP."""
    assert server.get("/mail/").status == 404
    output = server.manage(
        "shell", "--no-imports", "--command", "from django.conf import settings; print(settings.MAILERS)"
    )
    assert "smtp" in output


def test_debug_is_off(server: Server) -> None:
    """An error page reveals nothing of the code."""
    assert "urlpatterns" not in server.get("/nothing-here").text
    assert "Traceback" not in server.get("/nothing-here").text


def test_page_while_web_is_down(server: Server) -> None:
    """While the application is down, clients get a page that says so, and reveals nothing of how it is run."""
    server.compose("stop", "web")
    try:
        answer = server.get("/")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "3")
        assert "<h1>Back in a moment</h1>" in answer.text
        assert "docker" not in answer.text
        assert_security_headers(answer)
    finally:
        server.restore()


def test_lost_secret_is_asked_for(server: Server) -> None:
    """A lost secret, given or empty, is not replaced silently; the command in the refusal is enough."""
    folder = server.directory / "secrets"
    before = {path.name: (path.read_bytes(), path.stat().st_uid, path.stat().st_mode) for path in folder.iterdir()}
    (folder / "google_credentials").unlink()
    with pytest.raises(AssertionError, match=r"google_credentials is missing; if it was empty: (\(.*\))") as refused:
        server.install()
    found = re.search(r"if it was empty: (\(.*\))$", str(refused.value), re.MULTILINE)
    assert found
    server.follow(found[1])
    assert "was not changed" in server.install()
    after = {path.name: (path.read_bytes(), path.stat().st_uid, path.stat().st_mode) for path in folder.iterdir()}
    assert after == before


def test_how_to_is_right(server: Server) -> None:
    """Every command of the how-to page works as written, with plain `docker compose`; `Install` made this server."""
    clone, install, *others = commands_of(HOW_TO)
    assert clone.startswith("git clone ")  # test_deploy.py follows it
    assert calls_of(install, "./install_docker.sh") == [
        ["--environment", "prod", "--domain", DOMAIN, "--admin-email", EMAIL]  # as the server under test was
    ]
    assert len(others) >= 4
    for command in others:
        server.follow(command)
    assert server.get("/").status == 200


def test_cron_reads_the_credentials_file(server: Server) -> None:
    """Cron finds Google's credentials in their file: the secret with the variable's name is not taken for its value."""
    secret = server.directory / "secrets/google_credentials"
    program = "from config.environment import read_environment as read; print(read().google_credentials.read_text())"
    secret.write_text('{"type": "service_account"}')
    try:
        assert server.exec("cron", "python", "-c", program).strip() == secret.read_text()
    finally:
        secret.write_text("")
