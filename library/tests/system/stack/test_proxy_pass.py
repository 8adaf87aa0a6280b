"""The machine's proxy: every project answers to its own name only."""

import json
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Final

import pytest
from bedplate.testing.browser import visit
from bedplate.testing.checkout import copy_checkout
from bedplate.testing.compose import Stack, attempt, run, wait_until
from bedplate.testing.stack import NewPage
from playwright.sync_api import expect

from stack.conftest import Report
from stack.editing import appended
from stack.hardening import PROMISES
from stack.malformed_names import MALFORMED
from stack.proxy import Project, Proxy, installed_proxy, join, leave, networks, project, said_by

pytestmark = pytest.mark.stack

REQUESTS: Final = 1000
SUFFIXES: Final = (".localhost", ".local")

type NewProject = Callable[[], Project]


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Return the proxy, installed with HTTPS."""
    with installed_proxy(tmp_path_factory.mktemp("proxy") / "home") as proxy:
        yield proxy


@pytest.fixture(scope="module")
def new_project(proxy: Proxy, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewProject]:
    """Return a function that starts another project behind the proxy."""
    folder = tmp_path_factory.mktemp("projects")
    with ExitStack() as projects:

        def start() -> Project:
            number = len(list(folder.iterdir()))
            return projects.enter_context(project(folder / str(number), proxy=proxy, stack=stack))

        yield start


@pytest.fixture(scope="module")
def projects(new_project: NewProject, proxy: Proxy) -> Sequence[Project]:
    """Return three projects whose services have the same names."""
    started = [new_project() for _ in range(3)]
    proxy.command("start")  # the certificate names them too from now on
    return started


@pytest.fixture(scope="module")
def joined(proxy: Proxy, stack: Stack) -> Iterator[Stack]:
    """Return the real stack, which joined the proxy by its install and leaves it by another."""
    assert f"http://{stack.project}.localhost:{proxy.port}, by this machine's proxy" in join(stack, proxy.network)
    assert networks(stack) == {stack.network, proxy.network}
    assert f"{stack.project}_proxy_pass" not in run("docker", "network", "ls", "--format", "{{.Name}}").split()
    stack.wait_until_ready()
    yield stack
    # The proxy is removed first, the wrong order: the site continues, and leaving works the same.
    attempt("docker", "compose", "--project-name", proxy.name, "down", "--timeout=2", directory=proxy.home)
    assert stack.status("/health/ready") == 200
    status, said = proxy.attempt("remove")
    assert (status, f"{stack.project}: cd '{stack.directory}' && PROXY_NETWORK=none" in said) == (1, True)
    leave(stack)
    assert networks(stack) == {stack.network, f"{stack.project}_proxy_pass"}
    stack.wait_until_ready()


def test_each_name_is_answered_by_its_project(
    proxy: Proxy, projects: Sequence[Project], joined: Stack, report: Report
) -> None:
    """Of 1,000 mixed requests each is answered by the project that it names."""
    seed = random.randrange(2**32)
    chosen = random.Random(seed)
    names = [*(running.name for running in projects), joined.project]
    wanted = [(name, chosen.choice(SUFFIXES)) for name in chosen.choices(names, k=REQUESTS)]

    def ask(request: tuple[str, str]) -> str:
        status, text = proxy.ask("".join(request), "/accounts/login/")
        if status != HTTPStatus.OK:
            return f"status {status}"
        return said_by(text) or (joined.project if "csrfmiddlewaretoken" in text else "no project")

    started = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, wanted))
    wrong = Counter((name, by) for (name, _), by in zip(wanted, answers, strict=True) if name != by)
    report(f"{REQUESTS} mixed requests through proxy_pass: {time.monotonic() - started:.1f} s, {len(wrong)} wrong")
    assert not wrong, f"seed {seed}"


def test_upstream_is_its_own_projects(proxy: Proxy, projects: Sequence[Project]) -> None:
    """A container that calls itself `web` on the shared network gets no request for another project."""
    name = f"{proxy.name}-impostor"
    program = f"{projects[0].directory}/web.py:/web.py:ro"
    aliases = ("--network-alias=web", "--network-alias=flower", "--network-alias=npm_watch")
    command = ("docker", "run", "--detach", f"--name={name}", f"--network={proxy.network}", *aliases)
    run(*command, "--env=PROJECT=impostor", f"--volume={program}", "python:3.14-slim", "python", "-u", "/web.py")
    try:
        probe = "import urllib.request as r; r.urlopen('http://localhost:8000/', timeout=1)"
        asked = ("docker", "exec", name, "python", "-c", probe)
        wait_until(lambda: attempt(*asked).returncode == 0, limit=20, what="it answers")
        for running in projects:
            running.compose("restart", "--timeout=1", "nginx")  # nothing looked up before counts
            running.compose("up", "--detach", "--wait", "--no-build")
            found = {said_by(proxy.ask(f"{running.name}.localhost")[1]) for _ in range(40)}
            assert found == {running.name}
    finally:
        run("docker", "rm", "--force", name)


def test_new_project_is_found_soon(proxy: Proxy, new_project: NewProject, report: Report) -> None:
    """A started project is reachable within 10 s, even if its name was requested before; the proxy is not restarted."""
    before = run("docker", "inspect", "--format", "{{.State.StartedAt}}", f"{proxy.name}-proxy-1")
    running = new_project()
    host = f"{running.name}.localhost"
    wait_until(lambda: proxy.ask(host)[0] == 200, limit=10, what="the new project answers")
    running.compose("stop", "--timeout=1", "nginx")
    wait_until(lambda: proxy.ask(host)[0] == 502, limit=10, what="the stopped project is missed")
    running.compose("start", "nginx")
    started = time.monotonic()
    wait_until(lambda: said_by(proxy.ask(host)[1]) == running.name, limit=10, what="it is found again")
    report(f"a project that starts is reachable through proxy_pass after {time.monotonic() - started:.1f} s (10)")
    assert run("docker", "inspect", "--format", "{{.State.StartedAt}}", f"{proxy.name}-proxy-1") == before


@pytest.mark.parametrize(
    "head", ["GET / HTTP/1.1\r\nHost: {name}.localhost:8000", "GET http://{name}.local/ HTTP/1.1\r\nHost: {name}.local"]
)
def test_plain_name_arrives(proxy: Proxy, projects: Sequence[Project], head: str) -> None:
    """A plainly written name reaches its project: the next test's names are refused for their form."""
    name = projects[0].name
    assert f'"project": "{name}"'.encode() in proxy.send_head(head.format(name=name))


@pytest.mark.parametrize("head", MALFORMED)
def test_malformed_name_goes_nowhere(proxy: Proxy, projects: Sequence[Project], head: str) -> None:
    """A name that is not plainly a project's is refused, and reaches no project."""
    name = projects[0].name
    answer = proxy.send_head(head.format(name=name, UPPER=name.upper(), long="a" * 300, longer="a" * 70_000))
    status = int(answer.split()[1]) if answer else 0
    assert status in {0, 400, 404, 405, 502}, answer[:300]
    assert b'"project"' not in answer
    assert b"evil.example" not in answer


def test_unknown_name_gets_a_page_that_helps(proxy: Proxy) -> None:
    """The page says what to check."""
    for host in ("no-such-project.localhost", "no-such-project.local", "127.0.0.1"):
        status, text = proxy.ask(host)
        assert status == (404 if host[0] == "1" else 502)
        assert "No project answers to this name" in text
        assert "COMPOSE_PROJECT_NAME" in text


def test_claims_of_clients_do_not_get_through(proxy: Proxy, projects: Sequence[Project]) -> None:
    """A project sees the browser's scheme, host and port, whatever a header says."""
    host = f"{projects[0].name}.localhost"
    for ask, scheme, port in (
        (proxy.ask, "http", proxy.port),
        (proxy.ask_securely, "https", proxy.https_port),
    ):
        spoofed = {"X_Forwarded_Proto": "ftp", "X_Forwarded_For": "1.2.3.4", "X_Real_IP": "1.2.3.4"}
        sent = f"{host}:{port}" if ask == proxy.ask else host
        headers = json.loads(ask(sent, **spoofed)[1])["headers"]
        assert headers["x-forwarded-proto"] == scheme
        assert headers["host"] == f"{host}:{port}"
        assert "1.2.3.4" not in json.dumps(headers)


def test_project_alone_cannot_be_told_that_it_is_https(projects: Sequence[Project]) -> None:
    """Only the port that is never published means HTTPS: no header does."""
    port = int(projects[0].compose("port", "nginx", "8080").rpartition(":")[2])
    command = ("curl", "--silent", "--header", "X-Forwarded-Proto: https", f"http://127.0.0.1:{port}/")
    assert json.loads(run(*command))["headers"]["x-forwarded-proto"] == "http"
    assert "8090" not in run("docker", "ps", "--format", "{{.Ports}}", "--filter", f"name={projects[0].name}")


def test_websocket_passes(proxy: Proxy, projects: Sequence[Project]) -> None:
    """A connection is upgraded, and carries bytes both ways, at once."""
    request = (
        f"GET /socket HTTP/1.1\r\nHost: {projects[1].name}.localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as connection:
        connection.sendall(request.encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(4096)
        assert b"HTTP/1.1 101" in answer
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer  # RFC 6455's own example
        for number in range(3):
            connection.sendall(b"frame %d" % number)
            assert connection.recv(4096) == b"frame %d" % number


def test_browser_works_on_the_stack_over_https(joined: Stack, proxy: Proxy, new_page: NewPage) -> None:
    """A user logs in over HTTPS, and a saved style shows without a reload: forms, cookies and hot reload pass."""
    before = proxy.workers()
    proxy.command("start")  # the certificate names the stack too from now on
    host = f"{joined.project}.localhost"
    # nginx changes certificates in the background. A worker with the old one still accepts connections for a moment,
    # and closes them when it leaves: seen by Chromium as ERR_CONNECTION_CLOSED.
    wait_until(lambda: not before & proxy.workers(), limit=60, what="the workers with the old certificate have left")
    page = new_page(base_url=f"https://{host}:{proxy.https_port}", ignore_https_errors=True)
    visit(page, "/accounts/login/")
    page.locator("input[name=login]").fill(joined.dotenv["DEFAULT_USER_EMAIL"])
    page.locator("input[name=password]").fill(joined.dotenv["DEFAULT_USER_PASSWORD"])
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url("**/")
    visit(page, "/")  # again: Chromium may have aborted it, as networks of other tests come and go
    expect(page.locator(".stack-status--ok")).to_be_visible()
    assert page.url == f"https://{host}:{proxy.https_port}/"
    with appended(joined.directory / "web/frontend/sass/main.scss", "\nh1 {\n  color: rgb(1, 2, 3);\n}\n"):
        expect(page.get_by_role("heading", level=1)).to_have_css("color", "rgb(1, 2, 3)")


def test_status_lists_the_projects(proxy: Proxy, projects: Sequence[Project]) -> None:
    """`status` names each project that the proxy reaches, and its addresses."""
    said = proxy.command("status")
    for running in projects:
        assert f"http://{running.name}.localhost:{proxy.port}\n" in said
        assert f"https://{running.name}.localhost:{proxy.https_port}\n" in said


def test_stop_and_start(proxy: Proxy, projects: Sequence[Project]) -> None:
    """Stopped, it says so, and its port is free; started, it is as before; the projects do not notice."""
    host = f"{projects[0].name}.localhost"
    proxy.command("stop")
    stopped = proxy.attempt("status")
    assert (stopped[0], "./bedplate proxy start" in stopped[1]) == (1, True)
    with pytest.raises(ConnectionRefusedError):
        proxy.ask(host)
    projects[0].compose("up", "--detach", "--wait", "--no-build")
    proxy.command("start")
    wait_until(lambda: said_by(proxy.ask(host)[1]) == projects[0].name, limit=10, what="the project answers again")


def test_another_checkout_manages_the_same_proxy(proxy: Proxy, tmp_path: Path) -> None:
    """It is the machine's: from another folder, as after an update that moved the files, it is the same container."""
    container = ("docker", "ps", "--quiet", "--no-trunc", "--filter", f"label=com.docker.compose.project={proxy.name}")
    before = run(*container)
    command = copy_checkout(tmp_path / "another") / "bedplate"
    for action in ("status", "start"):
        assert "The proxy runs." in run(command, "proxy", action, variables=proxy.variables, limit=300)
    assert run(*container) == before


def test_proxy_is_hardened(proxy: Proxy) -> None:
    """The proxy has no more rights on this machine than a service of the stack, and listens to this machine alone."""
    container = json.loads(run("docker", "inspect", f"{proxy.name}-proxy-1"))[0]
    assert [name for name, holds in PROMISES.items() if not holds(container)] == []
    assert container["Config"]["User"] == "101:101"
    assert container["State"]["Health"]["Status"] == "healthy"
    bindings = [binding for ports in container["NetworkSettings"]["Ports"].values() for binding in ports or []]
    assert {binding["HostIp"] for binding in bindings} == {"127.0.0.1"}


def test_names_are_resolved_by_docker_only(proxy: Proxy) -> None:
    """A missing project is not looked up in the outside world, which may have a machine of that name."""
    inspected = json.loads(run("docker", "inspect", f"{proxy.name}-proxy-1"))[0]
    assert inspected["HostConfig"]["DnsOptions"] == ["ndots:1"]
    network = json.loads(run("docker", "network", "inspect", proxy.network))[0]
    assert network["Internal"]
