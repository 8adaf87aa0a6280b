"""Requests that nginx passes to the application, and those that it does not."""

import http.client
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from threading import Event

import pytest
from bedplate.testing.browser import send_form
from bedplate.testing.compose import Stack, attempt, run, wait_until
from playwright.sync_api import Playwright

pytestmark = pytest.mark.stack

# Replaces the application, and answers with the request's headers.
ECHO = """
import http.server, json
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({name.lower(): value for name, value in self.headers.items()}).encode())
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
"""
CLIENTS = 8
SPOOFED = {
    "X_Forwarded_For": "203.0.113.7",
    "X_Forwarded_Host": "evil.example",
    "X_Forwarded_Proto": "https",
    "X_Real_IP": "203.0.113.7",
    "X_Request_ID": "chosen-by-the-client",
}


@pytest.fixture
def echo(stack: Stack) -> Iterator[Stack]:
    """Yield the stack with a program instead of `web` that answers with the headers that it received."""
    name = f"{stack.project}-echo"
    stack.compose("stop", "web")
    stack.compose("run", "--detach", "--no-deps", "--use-aliases", "--name", name, "web", "python", "-c", ECHO)
    try:
        wait_until(lambda: stack.status("/") == 200, limit=30, what="nginx finds the program")
        yield stack
    finally:
        run("docker", "rm", "--force", name)
        stack.restore()


def test_claims_of_clients_do_not_get_through(echo: Stack) -> None:
    """A client's claims about its address, protocol and host are replaced by nginx's own values."""
    honest = echo.get("/").json()
    spoofed = echo.get("/", **SPOOFED).json()
    assert "evil.example" not in json.dumps(spoofed)
    for header in ("x-forwarded-for", "x-real-ip"):
        assert re.fullmatch(r"[\d.]+", spoofed[header])
        assert spoofed[header] == honest[header] != "203.0.113.7"
    assert spoofed["x-forwarded-proto"] == "http"
    assert re.fullmatch("[0-9a-f]{32}", spoofed["x-request-id"])
    assert spoofed["x-request-id"] != honest["x-request-id"]
    assert spoofed["host"] == f"127.0.0.1:{echo.port}"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "another-project.localhost"])
def test_unknown_host_gets_no_answer(stack: Stack, host: str) -> None:
    """A request for a name that is not the site's is closed without an answer."""
    with pytest.raises(http.client.RemoteDisconnected):
        stack.get("/", Host=host)


@pytest.mark.parametrize(
    "host", ["localhost", "{project}.localhost:8000", "some-name.{project}.localhost", "{project}.local"]
)
def test_known_host_is_served(stack: Stack, host: str) -> None:
    """The site answers to its domain, and to its names on this machine."""
    assert stack.get("/", Host=host.format(project=stack.project)).status == 200
    assert stack.dotenv["DOMAIN"] == f"{stack.project}.local"


def test_links_in_mails_keep_the_host(stack: Stack, playwright: Playwright) -> None:
    """A spoofed host or protocol does not get into the link of a mail, where it would leak a password."""
    spoofed = {name.replace("_", "-"): value for name, value in SPOOFED.items()}

    def mails() -> set[str]:
        return set(re.findall(r'href="(/mail/[^"]+/)"', stack.get("/mail/").text))

    before = mails()
    client = playwright.request.new_context(base_url=stack.url, extra_http_headers=spoofed)
    send_form(client, "/accounts/password/reset/", email=stack.dotenv["DEFAULT_USER_EMAIL"])
    client.dispose()
    (new,) = wait_until(lambda: mails() - before, limit=60, what="the worker sends the mail")
    links = re.findall(r"https?://[^\s\"<]+/password/reset/key/", stack.get(new).text)
    assert set(links) == {f"{stack.url}/accounts/password/reset/key/"}


def test_tokens_of_links_are_in_no_log(stack: Stack) -> None:
    """A link of a mail is a secret: neither nginx nor the application logs it, whether it is answered or not."""
    paths = ("/accounts/password/reset/key/1-a-secret-token/", "/accounts/confirm-email/a-secret-token:a:b/")

    def hidden() -> int:
        return stack.compose("logs", "nginx", "web").count("[hidden]")

    before = hidden()
    for path in paths:
        stack.get(path, Referer=f"{stack.url}{path}")
        stack.get(f"{path}further", Referer=f"{stack.url}{path}")
    wait_until(lambda: hidden() >= before + 4, limit=30, what="nginx writes its log")
    stack.compose("stop", "web")
    try:
        for path in paths:
            assert stack.get(path, Referer=f"{stack.url}{path}").status == 503
        wait_until(lambda: stack.get("/mark").status == 503 and "/mark" in stack.compose("logs", "nginx"),
                   limit=30, what="nginx writes its log")  # fmt: skip
    finally:
        stack.restore()
    assert "a-secret-token" not in stack.compose("logs")


def test_large_upload_is_refused(stack: Stack) -> None:
    """An upload above nginx's limit is refused before it is sent."""
    assert stack.get("/accounts/login/", method="POST", Content_Length=str(26 * 2**20)).status == 413


def test_server_reveals_no_version(stack: Stack) -> None:
    """Neither nginx nor the application reveals its version."""
    assert stack.get("/").headers["Server"] == "nginx"


def test_local_says_that_it_has_no_maintenance_page(stack: Stack) -> None:
    """The command does not claim that the site is closed."""
    command = ("docker", "compose", "exec", "--no-TTY", "nginx", "maintenance", "on")
    done = attempt(*command, directory=stack.directory)
    assert (done.returncode, stack.status("/")) == (1, 200)
    assert "only DEV and PROD have a maintenance page" in done.stderr


@pytest.fixture
def one_lost(stack: Stack) -> Iterator[Stack]:
    """Yield the stack while nginx first waits for a container that does not answer, in every second request."""
    subnet = run("docker", "network", "inspect", "--format", "{{(index .IPAM.Config 0).Subnet}}", stack.network)
    route = f"server {ip_network(subnet.strip())[-2]}:8000 max_fails=0; server web:8000 resolve;"
    stack.exec("nginx", "sh", "-c", f"echo '{route}' >/tmp/route.conf && nginx -s reload")
    try:
        yield stack
    finally:
        stack.exec("nginx", "route")
        stack.restore()


def test_a_page_is_served_when_names_change_while_nginx_waits(one_lost: Stack) -> None:
    """| It asks none of the others then, so it tries once more."""
    stack, name, enough = one_lost, f"{one_lost.project}-another", Event()

    def statuses() -> set[int]:
        found = set()
        while not enough.is_set():
            found.add(stack.status("/accounts/login/"))
        return found

    with ThreadPoolExecutor(CLIENTS) as clients:
        found = [clients.submit(statuses) for _ in range(CLIENTS)]
        try:
            network = (f"--network={stack.network}", "--network-alias=web")
            run("docker", "run", "--detach", "--init", f"--name={name}", *network, "nginx:1.30", "sleep", "infinity")
            settings = json.loads(run("docker", "inspect", "--format", "{{json .NetworkSettings.Networks}}", name))
            refused = f"http://{settings[stack.network]['IPAddress']}:8000/"
            wait_until(lambda: refused in stack.compose("logs", "nginx"), limit=30, what="nginx knows the new name")
        finally:
            enough.set()
            answered = [each.result() for each in found]
            run("docker", "rm", "--force", name)
    assert answered == [{200}] * CLIENTS
