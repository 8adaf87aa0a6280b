"""`docker compose` commands have the expected effects, seen from the site's address."""

import json
from collections.abc import Iterator

import pytest
from bedplate.testing.browser import visit
from bedplate.testing.compose import Stack, attempt, wait_until
from playwright.sync_api import APIRequestContext, Page, expect

from stack.fault_injection import occupied
from stack.tasks import read_run, start_sample, wait_until_succeeded

pytestmark = pytest.mark.stack

CLEAR_LINE = "\x1b[2K"  # Compose writes it before every line, terminal or not
STARTED = "development server at http://"


@pytest.fixture
def stopped_web(stack: Stack) -> Iterator[None]:
    """Stop `web` for the test, and start it again afterwards."""
    stack.compose("stop", "web")
    yield
    stack.restore()


def test_stop_and_up_keep_the_data(stack: Stack) -> None:
    """After `stop`, nothing answers; after `up -d`, the site and its data are there as before."""
    users = stack.query("select id, email, password from users_user order by id")
    assert stack.dotenv["DEFAULT_USER_EMAIL"] in users
    stack.valkey("valkey", "set", "kept", "over a restart")
    stack.compose("stop", limit=180)
    with pytest.raises(ConnectionError):
        stack.get("/")
    stack.compose("up", "-d")
    stack.wait_until_ready()
    assert stack.query("select id, email, password from users_user order by id") == users
    assert stack.valkey("valkey", "getdel", "kept").strip() == "over a restart"


@pytest.mark.usefixtures("stopped_web")
def test_stopped_web_has_a_clear_page(stack: Stack) -> None:
    """While `web` is stopped, nginx says so: 503, when to try again, what to do; never from a cache."""
    answer = wait_until(lambda: stack.get("/tasks/"), limit=10, what="nginx answers")
    assert answer.status == 503
    assert answer.headers["Content-Type"] == "text/html"
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Cache-Control"] == "no-store"
    assert "The site is starting or stopped" in answer.text
    problem = stack.get("/api/documents")
    assert (problem.status, problem.headers["Content-Type"]) == (503, "application/problem+json")
    sent = [stack.get(path, method="POST") for path in ("/tasks/", "/api/documents")]
    assert [(each.status, each.text) for each in sent] == [(503, answer.text), (503, problem.text)]
    assert stack.get("/tasks/", method="HEAD").status == 503
    assert "docker compose up -d web" in answer.text


def test_web_is_found_again(stack: Stack) -> None:
    """`up -d web` after `stop web` is enough: nginx needs no command."""
    nginx = stack.containers()["nginx"]["State"]["StartedAt"]
    stack.compose("stop", "web")
    wait_until(lambda: stack.status("/") == 503, limit=10, what="nginx notices that web is stopped")
    stack.compose("up", "-d", "web")
    wait_until(lambda: stack.status("/") == 200, limit=30, what="nginx finds web again")
    assert stack.containers()["nginx"]["State"]["StartedAt"] == nginx


def test_web_is_found_under_another_address(stack: Stack) -> None:
    """`web` may come back under another address, because another container has taken its own."""
    address = stack.address("web")
    stack.compose("stop", "web")
    with occupied(stack, address):
        stack.compose("up", "-d", "web")
        assert stack.address("web") != address
        wait_until(lambda: stack.status("/") == 200, limit=30, what="nginx finds web at its new address")
    assert stack.status("/") == 200


@pytest.mark.usefixtures("stopped_web")
def test_run_is_on_the_terminal_and_not_on_the_site(stack: Stack) -> None:
    """`run web` shows the server's output on the terminal; nginx does not know this container."""
    with stack.terminal("run", "--rm", "--name", f"{stack.project}-apart", "web") as shown:
        wait_until(lambda: STARTED in shown(), limit=30, what="the server starts on the terminal")
        answers = "import urllib.request as r; r.urlopen('http://localhost:8000/health/live')"
        command = ("docker", "exec", f"{stack.project}-apart", "python", "-c", answers)
        wait_until(lambda: attempt(*command).returncode == 0, limit=30, what="the server in the container answers")
        assert stack.status("/") == 503


@pytest.mark.usefixtures("stopped_web")
def test_run_with_aliases_is_on_the_site(stack: Stack) -> None:
    """`run --use-aliases web` replaces `web`: on the terminal, and reached through nginx."""
    with stack.terminal("run", "--rm", "--use-aliases", "web") as shown:
        wait_until(lambda: STARTED in shown(), limit=30, what="the server starts on the terminal")
        wait_until(lambda: stack.status("/") == 200, limit=30, what="nginx finds the container")
    wait_until(lambda: stack.status("/") == 503, limit=10, what="the container is gone")


@pytest.mark.usefixtures("stopped_web")
def test_up_in_the_foreground(stack: Stack) -> None:
    """`up web` shows the server's output and serves the site; Ctrl-C stops it."""
    with stack.terminal("up", "web") as shown:
        wait_until(lambda: STARTED in shown(), limit=30, what="the server starts on the terminal")
        wait_until(lambda: stack.status("/") == 200, limit=30, what="the site answers")
    wait_until(lambda: stack.status("/") == 503, limit=10, what="web is stopped")


def test_restart(stack: Stack, staff: APIRequestContext, staff_page: Page) -> None:
    """`restart` gives every service new processes; users stay logged in and find their history."""
    started = {name: container["State"]["StartedAt"] for name, container in stack.containers().items()}
    address = start_sample(staff, seconds=1)
    wait_until_succeeded(staff, address)
    run_before = read_run(staff, address)
    stack.compose("restart", limit=180)
    stack.restore()
    containers = stack.containers()
    assert containers.keys() == started.keys()
    assert not [name for name, before in started.items() if containers[name]["State"]["StartedAt"] <= before]
    assert read_run(staff, address) == run_before
    visit(staff_page, "/tasks/")
    expect(staff_page.get_by_role("table", name="History")).to_contain_text("Succeeded")


def test_exec_manage(stack: Stack) -> None:
    """`exec web python manage.py …` works: nothing is wrong, no migration is missing or left to apply."""
    assert "no issues" in stack.manage("check")
    plan = stack.manage("showmigrations", "--plan").splitlines()
    assert len(plan) > 20
    assert not [line for line in plan if not line.startswith("[X]")]
    assert "No changes detected" in stack.manage("makemigrations", "--check", "--dry-run")


def test_logs_carry_the_request_id(stack: Stack) -> None:
    """One id finds a request in the response, in nginx's log and in the application's."""
    answer = stack.get("/nothing-here")
    request_id = answer.headers["X-Request-ID"]
    assert (answer.status, len(request_id)) == (404, 32)
    nginx = wait_until(lambda: log_lines(stack, "nginx", request_id), limit=10, what="nginx logs the request")
    logged = json.loads(nginx[0].removeprefix(CLEAR_LINE))
    assert (logged["path"], logged["status"]) == ("/nothing-here", 404)
    web = wait_until(lambda: log_lines(stack, "web", request_id), limit=10, what="web logs the request")
    assert [line for line in web if "/nothing-here" in line]


def log_lines(stack: Stack, service: str, text: str) -> list[str]:
    """Return the lines of `logs` that hold this text."""
    logs = stack.compose("logs", "--no-log-prefix", "--tail", "200", service)
    return [line for line in logs.splitlines() if text in line]
