"""DEV's additions to PROD: HTTP basic auth, exclusion of search engines, and a mail catcher."""

import pytest
from bedplate.testing.compose import Answer, wait_until
from bedplate.testing.server import EMAIL, Server
from bedplate.testing.visitor import Visitor

pytestmark = [pytest.mark.stack, pytest.mark.parametrize("server", ["dev"], indirect=True, scope="session")]


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/static/css/site.css", "/health/ready", "/nothing-here"])
def test_basic_auth_is_required(server: Server, path: str) -> None:
    """Without the password nothing is served; with it the site is."""
    answer = Answer(*server.visitor(authorized=False).ask(path))
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert server.get(path).status != 401


def test_wrong_password_is_refused(server: Server) -> None:
    """The name alone, or another password, is refused."""
    visitor = server.visitor(authorized=False)
    assert [visitor.ask("/", Authorization=f"Basic {text}")[0] for text in ("ZGV2Og==", "ZGV2OmRldg==", "x")] == [
        401
    ] * 3


@pytest.mark.parametrize("path", ["/", "/nothing-here", "/static/css/site.css", "/flower/"])
def test_search_engines_are_kept_out(server: Server, path: str) -> None:
    """Every answer to an authorized client says not to index."""
    assert server.get(path).headers.get_all("X-Robots-Tag") == ["noindex, nofollow"]


def test_robots_need_no_password(server: Server) -> None:
    """Robots get robots.txt without a password: it excludes the whole site."""
    answer = Answer(*server.visitor(authorized=False).ask("/robots.txt"))
    assert (answer.status, answer.text) == (200, "User-agent: *\nDisallow: /\n")


def test_mail_is_caught_for_staff(server: Server, superuser: Visitor) -> None:
    """The site's mail is not sent, but kept for staff alone to read."""
    server.visitor().send_form("/accounts/password/reset/", email=EMAIL)
    wait_until(lambda: EMAIL in superuser.ask("/mail/")[2], limit=60, what="the worker sends the mail")
    assert server.get("/mail/").headers["Location"] == "/accounts/login/?next=/mail/"
