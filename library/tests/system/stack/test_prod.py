"""What PROD has that DEV has not: no door, and mail that is sent."""

import re

import pytest
from bedplate.testing.server import DOMAIN, EMAIL, Server
from documents import calls_of, commands_of

from stack.first_server import HOW_TO
from stack.test_servers import assert_guarded

pytestmark = [pytest.mark.stack, pytest.mark.parametrize("server", ["prod"], indirect=True, scope="session")]


def test_everybody_may_come(server: Server) -> None:
    """PROD has no password at its door, and hides from nobody."""
    answer = server.get("/")
    assert answer.status == 200
    assert "WWW-Authenticate" not in answer.headers
    assert "X-Robots-Tag" not in answer.headers


def test_mail_is_not_caught(server: Server) -> None:
    """There is no page of caught mail: mail goes out by SMTP."""
    assert server.get("/mail/").status == 404
    told = server.manage(
        "shell", "--no-imports", "--command", "from django.conf import settings; print(settings.MAILERS)"
    )
    assert "smtp" in told


def test_debug_is_off(server: Server) -> None:
    """An error page tells nothing of the code."""
    assert "urlpatterns" not in server.get("/nothing-here").text
    assert "Traceback" not in server.get("/nothing-here").text


def test_page_while_web_is_away(server: Server) -> None:
    """While the application is away, visitors get a page that tells them so, and nothing of how it is run."""
    server.compose("stop", "web")
    try:
        answer = server.get("/")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "3")
        assert "<h1>Back in a moment</h1>" in answer.text
        assert "docker" not in answer.text
        assert_guarded(answer)
    finally:
        server.restore()


def test_lost_secret_is_asked_for(server: Server) -> None:
    """What was given, or empty, and is gone, is not replaced in silence; what the refusal says to type is enough."""
    folder = server.directory / "secrets"
    before = {path.name: (path.read_bytes(), path.stat().st_uid, path.stat().st_mode) for path in folder.iterdir()}
    (folder / "google_credentials").unlink()
    with pytest.raises(AssertionError, match=r"google_credentials is missing; if it was empty: (\(.*\))") as refused:
        server.install()
    found = re.search(r"if it was empty: (\(.*\))$", str(refused.value), re.MULTILINE)
    assert found
    server.follow(found[1])
    assert "was not touched" in server.install()
    after = {path.name: (path.read_bytes(), path.stat().st_uid, path.stat().st_mode) for path in folder.iterdir()}
    assert after == before


def test_how_to_is_right(server: Server) -> None:
    """Every command of the how-to works as it stands there, with plain `docker compose`; `Install` made this server."""
    clone, install, *others = commands_of(HOW_TO)
    assert clone.startswith("git clone ")  # test_deploy.py follows it
    assert calls_of(install, "./install_docker.sh") == [
        ["--environment", "prod", "--domain", DOMAIN, "--admin-email", EMAIL]  # as the server under test was
    ]
    assert len(others) >= 4
    for command in others:
        server.follow(command)
    assert server.get("/").status == 200


def test_credentials_are_a_file_to_cron(server: Server) -> None:
    """Cron finds Google's credentials where they are: the secret named as the variable is not taken for its value."""
    secret = server.directory / "secrets/google_credentials"
    program = "from config.environment import read_environment as read; print(read().google_credentials.read_text())"
    secret.write_text('{"type": "service_account"}')
    try:
        assert server.exec("cron", "python", "-c", program).strip() == secret.read_text()
    finally:
        secret.write_text("")
