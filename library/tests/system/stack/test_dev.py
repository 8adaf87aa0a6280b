"""What DEV has beside what PROD has: a door, no place in search engines, and caught mail."""

import pytest
from bedplate.testing.compose import Answer, wait_until
from bedplate.testing.server import EMAIL, Server
from bedplate.testing.visitor import Visitor

pytestmark = [pytest.mark.stack, pytest.mark.parametrize("server", ["dev"], indirect=True, scope="session")]


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/static/css/site.css", "/health/ready", "/nothing-here"])
def test_door_is_closed(server: Server, path: str) -> None:
    """Without the password there is nothing to see; with it there is."""
    answer = Answer(*server.visitor(authorized=False).ask(path))
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert server.get(path).status != 401


def test_wrong_password_does_not_open(server: Server) -> None:
    """The name alone, or another password, opens nothing."""
    visitor = server.visitor(authorized=False)
    assert [visitor.ask("/", Authorization=f"Basic {text}")[0] for text in ("ZGV2Og==", "ZGV2OmRldg==", "x")] == [
        401
    ] * 3


@pytest.mark.parametrize("path", ["/", "/nothing-here", "/static/css/site.css", "/flower/"])
def test_search_engines_are_kept_out(server: Server, path: str) -> None:
    """Whoever gets through is told not to index, with every answer."""
    assert server.get(path).headers.get_all("X-Robots-Tag") == ["noindex, nofollow"]


def test_robots_need_no_password(server: Server) -> None:
    """Robots learn at the door that nothing is for them."""
    answer = Answer(*server.visitor(authorized=False).ask("/robots.txt"))
    assert (answer.status, answer.text) == (200, "User-agent: *\nDisallow: /\n")


def test_mail_is_caught_for_staff(server: Server, superuser: Visitor) -> None:
    """Mail that the site sends is not sent, but readable, by staff alone."""
    server.visitor().send_form("/accounts/password/reset/", email=EMAIL)
    wait_until(lambda: EMAIL in superuser.ask("/mail/")[2], limit=60, what="the worker sends the mail")
    assert server.get("/mail/").headers["Location"] == "/accounts/login/?next=/mail/"
