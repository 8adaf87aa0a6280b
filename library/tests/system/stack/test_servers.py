"""DEV and PROD, each as a whole: headers of every answer, and access."""

import base64
import hashlib
import http.client
import re
import socket
import ssl
from typing import Final

import pytest
from bedplate.testing.browser import visit
from bedplate.testing.checkout import ROOT
from bedplate.testing.compose import Answer, attempt, run, wait_until
from bedplate.testing.server import DOMAIN, Server
from bedplate.testing.stack import NewPage
from bedplate.testing.visitor import BLOCKED, Visitor

from stack.conftest import CUSTOMER, Report
from stack.memory import GIB, memory_of

pytestmark = pytest.mark.stack

HEADERS: Final = {
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "nginx",
}


def assert_security_headers(answer: Answer) -> None:
    """Assert that the answer carries each security header, once."""
    for name, value in HEADERS.items():
        assert answer.headers.get_all(name) == [value], name
    (permissions,) = answer.headers.get_all("Permissions-Policy", [])
    assert "camera=()" in permissions
    (policy,) = answer.headers.get_all("Content-Security-Policy", [])
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy


# Answers


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/accounts/login/", 200),
        ("/tasks/", 302),
        ("/nothing-here", 404),
        ("/static/css/site.css", 200),
        ("/static/nothing-here.css", 404),
        ("/media/nothing-here.png", 404),
        ("/health/ready", 200),
        ("/flower/", 302),
        ("/flower/api/workers", 302),
        ("/.env", 404),
    ],
)
def test_every_answer_has_security_headers(server: Server, path: str, status: int) -> None:
    """Pages, redirects, errors, files and data carry the security headers, and no script may be inline."""
    answer = server.get(path)
    assert answer.status == status
    assert_security_headers(answer)
    assert path.startswith("/flower/") or "unsafe-inline" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/flower/", "/flower/api/workers", "/flower/static/css/flower.css", "/admin/"])
def test_answers_for_staff_have_security_headers(superuser: Visitor, path: str) -> None:
    """Answers for staff carry them, too."""
    answer = Answer(*superuser.ask(path))
    assert answer.status == 200
    assert_security_headers(answer)


def test_refusals_of_nginx_have_security_headers(server: Server) -> None:
    """Answers of nginx itself carry them: to an upload that is too large, to a head that is."""
    too_large = server.get("/accounts/login/", method="POST", Content_Length=str(26 * 2**20))
    too_long = server.get("/", Cookie="a" * 40_000)
    assert (too_large.status, too_long.status) == (413, 400)
    assert_security_headers(too_large)
    assert_security_headers(too_long)
    assert "default-src 'none'" in too_large.headers["Content-Security-Policy"]
    answer = server.get("/api/documents", method="POST", Content_Length=str(26 * 2**20))
    assert_problem(answer, 413, "Content Too Large")


def test_server_error_has_security_headers(server: Server) -> None:
    """An error of the application, such as no database, has its page, with the headers."""
    server.compose("stop", "postgres")
    try:
        answer = server.get("/tasks/", Cookie=f"{server.project}_session=anything")
        assert answer.status == 500
        assert "Something went wrong" in answer.text
        assert_security_headers(answer)
    finally:
        server.restore()


def test_maintenance(server: Server) -> None:
    """One command closes the site for everyone, even over a restart of nginx, and one opens it."""
    server.exec("nginx", "maintenance", "on")
    try:
        assert_closed(server)
        server.compose("restart", "nginx")
        wait_until(lambda: server.get("/").status, limit=30, what="nginx answers again")
        assert_closed(server)
        assert server.get_over_http("/health/live", host="192.0.2.1").status == 204  # the check of a balancer
    finally:
        server.exec("nginx", "maintenance", "off")
    assert server.get("/").status == 200
    assert server.get_over_http("/health/live", host="192.0.2.1").status == 200


def assert_closed(server: Server) -> None:
    """Assert that clients see the maintenance page, at every address."""
    for path in ("/", "/static/css/site.css", "/nothing-here", "/flower/"):
        answer = server.get(path)
        assert answer.status == 503, path
        assert "<h1>Closed for maintenance</h1>" in answer.text
        assert_security_headers(answer)
    assert_problem(server.get("/api/documents"), 503, "Service Unavailable")


def assert_problem(answer: Answer, status: int, title: str) -> None:
    """Assert that a program which uses the API gets an error as the API's own."""
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Retry-After"] == ("3" if status == 503 else None)
    assert answer.json() == {"type": "about:blank", "title": title, "status": status}
    assert_security_headers(answer)


def test_styles_of_nginx_pages_are_allowed(server: Server) -> None:
    """The pages of nginx itself may use their styles: the policy has their hash."""
    policy = server.get("/accounts/login/", method="POST", Content_Length=str(26 * 2**20)).headers[
        "Content-Security-Policy"
    ]
    for name in ("starting-public.html", "maintenance.html"):
        styles = re.findall("<style>(.*?)</style>", (ROOT / "nginx/pages" / name).read_text(), re.DOTALL)
        digest = base64.b64encode(hashlib.sha256("".join(styles).encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy, f"{name}: put its hash into nginx/snippets/headers.conf"


# Access


def test_http_leads_to_https(server: Server) -> None:
    """HTTP redirects to HTTPS, permanently, and makes no promise that only HTTPS can make."""
    answer = server.get_over_http("/tasks/?page=2")
    assert (answer.status, answer.headers["Location"]) == (301, f"{server.url}/tasks/?page=2")
    assert "Strict-Transport-Security" not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_acme_challenge_is_answered(server: Server) -> None:
    """A challenge is answered over HTTP, without a password; nothing else beside it is."""
    folder = "/challenges/.well-known/acme-challenge"
    server.exec("cron", "sh", "-c", f"mkdir -p {folder} && echo told >{folder}/token")
    assert server.get_over_http("/.well-known/acme-challenge/token").text == "told\n"
    assert server.get_over_http("/.well-known/acme-challenge/other").status == 404
    assert server.get_over_http("/.well-known/acme-challenge/../../../etc/passwd").status in {301, 400, 404}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", f"{DOMAIN}.evil.example"])
def test_unknown_host_is_refused(server: Server, host: str) -> None:
    """A name that is not the site's gets no certificate, no page and no redirect."""
    with pytest.raises(http.client.RemoteDisconnected):
        server.get_over_http("/", host=host)
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        handshake(server, name=host)
    with pytest.raises(http.client.RemoteDisconnected):
        server.get("/", Host=host)


def handshake(server: Server, *, name: str, **versions: ssl.TLSVersion) -> str | None:
    """Return the version of TLS that the server speaks with a client that asks for this name."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for bound, version in versions.items():
        setattr(context, bound, version)
    with (
        socket.create_connection(("127.0.0.1", server.https_port), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname=name) as secured,
    ):
        return secured.version()


@pytest.mark.parametrize(
    ("options", "alert"),
    [
        ("-tls1_1 -cipher ALL@SECLEVEL=0", "protocol version"),
        ("-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA256", "handshake failure"),  # encrypts first, authenticates then
    ],
)
def test_weak_tls_is_refused(server: Server, options: str, alert: str) -> None:
    """A client that offers only old versions or weak ciphers is refused."""
    # openssl fails, as it should: the test checks how it was refused.
    command = f"echo | openssl s_client -connect 127.0.0.1:8443 -servername {DOMAIN} {options} 2>&1 || true"
    assert f"alert {alert}" in server.exec("nginx", "sh", "-c", command)


def test_tls(server: Server) -> None:
    """TLS 1.2 and 1.3 work, with HTTP/2."""
    assert handshake(server, name=DOMAIN) == "TLSv1.3"
    assert handshake(server, name=DOMAIN, maximum_version=ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    resolve = f"{server.host}:127.0.0.1"
    version = run(
        "curl", "--insecure", "--silent", "--output", "/dev/null", "--write-out", "%{http_version}",
        "--resolve", resolve, server.url,
    )  # fmt: skip
    assert version == "2"


# People


@pytest.mark.parametrize("path", ["/flower/", "/flower/metrics", "/flower/api/workers"])
def test_flower_is_for_staff(server: Server, superuser: Visitor, customer: Visitor, path: str) -> None:
    """Others are redirected to the login, or refused."""
    assert server.get(path).headers["Location"] == f"/accounts/login/?next={path}"
    assert (customer.ask(path)[0], superuser.ask(path)[0]) == (403, 200)


def test_staff_need_a_second_factor(server: Server) -> None:
    """With a password alone, every page redirects to the setup of a second factor; then pages are open."""
    visitor, password = server.visitor(), "a-colleague's-password"
    server.make_user("colleague@example.com", password=password)
    server.query("UPDATE users_user SET is_staff = true WHERE email = 'colleague@example.com'")
    assert visitor.log_in("colleague@example.com", password)
    for path in ("/", "/admin/", "/tasks/"):
        status, headers, _text = visitor.ask(path)
        assert status == 302
        assert headers["Location"].startswith("/accounts/2fa/")
    assert visitor.ask("/flower/")[0] == 403
    assert visitor.set_up_second_factor(password)
    assert [visitor.ask(path)[0] for path in ("/", "/admin/", "/tasks/", "/flower/")] == [200] * 4


def test_browser_blocks_nothing(server: Server, superuser: Visitor, new_page: NewPage) -> None:
    """The home page and Flower work in the browser under their policies; nothing on them is blocked."""
    scheme, _, credentials = server.authorization.partition(" ")
    name, _, password = base64.b64decode(credentials).decode().partition(":")
    basic_auth = {"http_credentials": {"username": name, "password": password}} if scheme else {}
    page = new_page(base_url=server.url, ignore_https_errors=True, **basic_auth)
    page.context.add_cookies(
        [{"name": key, "value": morsel.value, "url": server.url} for key, morsel in superuser.cookies.items()]
    )
    visit(page, "/")
    page.locator(".stack-status--ok").wait_for()
    visit(page, "/flower/")
    page.locator("#workers-table").wait_for()


@pytest.mark.usefixtures("customer")
def test_guessing_is_stopped(server: Server) -> None:
    """The tenth wrong password is refused, whatever address is claimed, and those after it; others still log in."""
    statuses = [int(status) for status in server.visit_from("cron", "guess", "100").split()]
    assert len(statuses) == 100
    assert BLOCKED in statuses[:10]
    assert BLOCKED not in statuses[:5]
    assert statuses.count(BLOCKED) >= 85
    assert server.visit_from("celery", "log_in", *CUSTOMER) == "True"


# Django, and the machine


def test_deployment_check_is_clean(server: Server) -> None:
    """Django has no warnings."""
    assert "no issues" in server.manage("check", "--deploy", "--fail-level", "WARNING")


def test_file_works_alone(server: Server) -> None:
    """`docker compose -f prod.yml` is the same stack, whatever `.env` says."""
    result = attempt(
        "docker", "compose", "-f", f"{server.environment}.yml", "up", "--detach", "--wait", "--no-recreate",
        directory=server.directory,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert server.get("/").status == 200


def test_idle_memory(server: Server, report: Report) -> None:
    """At rest all containers take at most 1.2 GiB."""
    used = sum(memory.working_set for memory in memory_of(server).values())
    report(f"{server.environment.upper()} at rest takes {used / GIB:.2f} GiB (at most 1.2)")
    assert used <= 1.2 * GIB
