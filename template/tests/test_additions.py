"""The how-to pages add-*.md, followed in a new project: linters and tests stay green, and the additions work."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from base_project import BaseProject, MadeProject, run
from bedplate.testing.checkout import ROOT, free_port, unique_slug
from bedplate.testing.compose import Stack, wait_until
from bedplate.testing.server import Server, running
from embedded_mode import SERVING, Running, Visitor, logged_in_visitor, wait_for
from followed_pages import Reader
from stack.first_server import clone

FAST: Final = "./run_tests.sh fast\n"
GERMAN: Final = "web/locale/de/LC_MESSAGES/django.po"
# In a possible order: the background task belongs to the app.
PAGES: Final = (
    "first-feature.md",
    "htmx.md",
    "add-an-app.md",
    "add-a-background-task.md",
    "add-a-setting.md",
    "add-a-secret.md",
    "add-a-service.md",
    "add-a-language.md",
    "add-a-cron-task.md",
)


@pytest.fixture
def project(base: BaseProject, tmp_path: Path) -> MadeProject:
    """Return a new project, with the tools that are installed here."""
    project = base.make(tmp_path / "shop", name="Shop")
    (project.folder / ".venv").symlink_to(ROOT / ".venv")
    return project


def follow(project: MadeProject, page: str, *, embedded: bool = False) -> None:
    """Follow the page, except for its tests, which are run once for all pages."""
    for commands in Reader(project.folder, embedded=embedded).follow(page):
        if (project.folder / GERMAN).exists():
            translate_the_rest(project.folder / GERMAN)
        result = run("bash", "-euo", "pipefail", "-c", commands.replace(FAST, ""), folder=project.folder)
        assert result.returncode == 0, f"{page}: {commands}\n{result.stdout}{result.stderr}"


def translate_the_rest(catalog: Path) -> None:
    """Translate every untranslated text: a translator's work, which the page does not print."""
    entries = re.sub(r'^(msgid (".+"))\nmsgstr ""$', r"\1\nmsgstr \2", catalog.read_text(), flags=re.MULTILINE)
    plural = r'^(msgid (".+")\nmsgid_plural (".+"))\nmsgstr\[0\] ""\nmsgstr\[1\] ""$'
    entries = re.sub(plural, r"\1\nmsgstr[0] \2\nmsgstr[1] \3", entries, flags=re.MULTILINE)
    catalog.write_text(entries)


@contextmanager
def site(project: MadeProject) -> Iterator[Visitor]:
    """Serve the project; yield its first user, logged in."""
    running = Running(project.folder, "--port", str(free_port()))
    try:
        running.wait_for_output(SERVING)
        yield logged_in_visitor(running)
        running.end(signal.SIGINT)
    finally:
        running.close()


@pytest.mark.timeout(1200)
def test_pages_in_embedded_mode(project: MadeProject) -> None:
    """All in one project: its fast tests pass, and visitors see the additions."""
    (project.folder / "web/frontend/node_modules").symlink_to(ROOT / "web/frontend/node_modules")
    set_up = project.run("./install_embedded.sh", "--setup-only")
    assert set_up.returncode == 0, set_up.stdout + set_up.stderr
    for page in PAGES:
        follow(project, page, embedded=True)
    tested = project.run("./run_tests.sh", "fast")
    assert tested.returncode == 0, tested.stdout[-6000:] + tested.stderr[-2000:]
    with site(project) as visitor:
        check_additions(visitor)


def check_additions(visitor: Visitor) -> None:
    """Look at the additions of the pages, as staff with a browser."""
    page = visitor.get("/orders/")
    assert "You have not ordered anything yet." in page
    assert '<a href="/orders/">Your orders</a>' in page
    assert '<a href="mailto:help@example.com">' in page
    visitor.submit("/admin/shop/order/add/", customer="1", product="A rose", note="")
    assert "A rose" in visitor.get("/orders/")
    visitor.submit("/orders/", to="/orders/confirm/A%20rose/")
    wait_for(lambda: "Confirmed" in visitor.get("/admin/shop/order/1/change/"), what="the order is confirmed", limit=30)
    visitor.submit("/notes/", name="First")
    assert "First" in visitor.get("/notes/")
    found = visitor.get("/notes/search/?q=fir")
    assert "First" in found
    [htmx] = re.findall(r'src="(/static/js/htmx[^"]*)"', found)
    assert "hx-select" in visitor.get(htmx)
    visitor.submit("/notes/", to="/notes/delete-all/")
    wait_for(lambda: "There is nothing yet." in visitor.get("/notes/"), what="all notes are deleted", limit=30)
    visitor.submit("/", to="/i18n/setlang/", language="de", next="/")
    assert '<html lang="de">' in visitor.get("/")


# Print an application's value of the secret in a container, and that it reaches the new cache.
KNOWN: Final = """
from django.conf import settings
from django.core.cache import caches
caches["pages"].set("page", "is kept")
print(settings.ENVIRONMENT.payment_key.get_secret_value(), caches["pages"].get("page"))
"""


def known(stack: Stack) -> str:
    """Return these values of `web`."""
    assert stack.exec("page_cache", "valkey-cli", "dbsize").strip() == "0"
    printed = stack.manage("shell", "--no-imports", "--command", KNOWN).strip()
    assert stack.exec("page_cache", "valkey-cli", "dbsize").strip() == "1"
    return printed


@pytest.mark.stack
def test_pages_in_docker(project: MadeProject, tmp_path: Path) -> None:
    """All in one project: LOCAL has it at once, and PROD when it is installed from the commit."""
    stack = Stack(directory=project.folder, project=unique_slug(), port=free_port())
    try:
        stack.install()
        for page in PAGES:
            follow(project, page)
        stack.wait_until_ready()
        check_local(stack)
    finally:
        stack.remove()
    project.commit("Follow the pages")
    with running("prod", tmp_path / "server", fetch=lambda folder: fetch_with_key(project, folder)) as server:
        check_production(server)


def check_local(stack: Stack) -> None:
    """Look at the services on this machine."""
    visitor = Visitor(stack.url)
    login, password = stack.dotenv["DEFAULT_USER_EMAIL"], stack.dotenv["DEFAULT_USER_PASSWORD"]
    visitor.submit("/accounts/login/", login=login, password=password)
    check_additions(visitor)
    assert known(stack) == "only-for-trying is kept"
    scheduled = "select count(*) > 0 from cron_runs_cronrun where task = 'check'"
    wait_until(lambda: stack.query(scheduled).strip() == "t", limit=60, what="cron knows the task")
    assert "no issues" in stack.exec("cron", "/cron/tasks/check.sh")


def fetch_with_key(project: MadeProject, folder: Path) -> Path:
    """Clone the project into a folder of a server, and put the key where the page says."""
    clone(project.folder, folder)
    (folder / "secrets").mkdir()
    (folder / "secrets/payment_key").write_text("for-production\n")
    return folder


def check_production(server: Server) -> None:
    """Look at the services on a server."""
    assert known(server) == "for-production is kept"
    assert server.exec("celery", "cat", "/run/secrets/payment_key") == "for-production\n"
    assert "payment_key" not in server.exec("cron", "ls", "/run/secrets")
    assert "for-production" not in server.compose("config")
    assert server.get("/orders/").status == 302
