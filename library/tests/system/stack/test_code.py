"""Working on the code: changes are served, and files belong to the person who works on them."""

import os
import shutil
import time
from pathlib import Path

import pytest
from bedplate.testing.checkout import unique_slug
from bedplate.testing.compose import Stack, run, wait_until

from stack.conftest import Report
from stack.editing import appended, created, replaced, save

pytestmark = pytest.mark.stack

PROBE = """

from django.http import HttpResponse
urlpatterns.append(path("reload-probe", lambda request: HttpResponse("new code")))
"""
PROBE_TASK = """
from bedplate.django.operations.run_tracking import TrackedTask
from celery import shared_task


@shared_task(bind=True, base=TrackedTask)
def reload_probe(self: TrackedTask) -> None:
    self.progress(100, "new code")
"""


def test_changed_python_is_served(stack: Stack, report: Report) -> None:
    """The next answers come from a saved `.py` file, without a manual restart."""
    urls = stack.directory / "web/config/urls.py"
    assert stack.status("/reload-probe") == 404
    started = time.monotonic()
    with appended(urls, PROBE):
        wait_until(lambda: stack.get("/reload-probe").text == "new code", limit=20, what="the new code is served")
        report(f"a changed .py is served after {time.monotonic() - started:.2f} s (target 2)")
    wait_until(lambda: stack.status("/reload-probe") == 404, limit=20, what="the old code is served again")


def test_changed_template_is_served(stack: Stack) -> None:
    """A saved template is in the next answers, without a restart."""
    base = stack.directory / "web/templates/base.html"
    assert "new-template" not in stack.get("/").text
    with replaced(base, "<body", '<body id="new-template"'):
        wait_until(lambda: "new-template" in stack.get("/").text, limit=5, what="the new template is served")
    wait_until(lambda: "new-template" not in stack.get("/").text, limit=5, what="the old template is served again")


def test_broken_python_is_survived(stack: Stack) -> None:
    """A syntax error takes the site down until it is corrected, and no longer."""
    views = stack.directory / "web/pages/views.py"
    with appended(views, "\nthis is no Python\n"):
        wait_until(lambda: stack.status("/") in {500, 503}, limit=20, what="the site shows that it is broken")
    wait_until(lambda: stack.status("/") == 200, limit=20, what="the corrected code is served")


def test_changed_task_is_run(stack: Stack) -> None:
    """The worker restarts with the new code when a `.py` file is saved."""
    with created(stack.directory / "web/users/tasks.py", PROBE_TASK):
        name = "users.tasks.reload_probe"
        wait_until(lambda: name in worker_log(stack), limit=60, what="the worker knows the new task")
        wait_until(lambda: stack.status("/") == 200, limit=20, what="the site is back")
        stack.manage(
            "shell", "--no-imports", "--command", f"from {name.rpartition('.')[0]} import *; reload_probe.start()"
        )
        sql = "select name, state, message from operations_taskrun"
        ended = f"{name}|succeeded|new code"
        wait_until(lambda: ended in stack.query(sql).splitlines(), limit=30, what="the new task has run")


def worker_log(stack: Stack) -> str:
    """Return the last log lines of the worker."""
    return stack.compose("logs", "--no-log-prefix", "--tail", "60", "celery")


def test_files_from_containers_belong_to_the_person_who_runs_them(stack: Stack) -> None:
    """A container's files in the checkout belong to the person who runs it, who can change and delete them."""
    application = stack.directory / "web/inventory"
    try:
        stack.manage("startapp", "inventory")
        save(application / "models.py", MODEL)
        with appended(stack.directory / "web/config/settings.py", '\nINSTALLED_APPS.append("inventory")\n'):
            stack.manage("makemigrations", "inventory")
        made = [application, *application.rglob("*")]
        assert (application / "migrations/0001_initial.py").is_file()
        assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(os.getuid(), os.getgid())}
    finally:
        shutil.rmtree(application, ignore_errors=True)


MODEL = """from django.db import models


class Thing(models.Model):
    name = models.CharField(max_length=10)
"""


@pytest.fixture
def another_person(stack: Stack, tmp_path: Path) -> Stack:
    """Return a copy of the project whose owner is not root, with the stack's image, not started."""
    directory = shutil.copytree(
        stack.directory, tmp_path / "her project", ignore=shutil.ignore_patterns("node_modules")
    )
    other = Stack(directory=directory, project=unique_slug(), port=stack.port)
    values = {**stack.dotenv, "COMPOSE_PROJECT_NAME": other.project, "HOST_UID": "12345", "HOST_GID": "12346"}
    (other.directory / ".env").write_text("".join(f"{key}={value}\n" for key, value in values.items()))
    run("docker", "tag", f"{stack.project}-web:local", f"{other.project}-web:local")
    for path in [other.directory, *other.directory.rglob("*")]:
        os.chown(path, 12345, 12346)
    return other


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a copy away; other users own their copy already")
def test_files_belong_to_another_person(another_person: Stack) -> None:
    """If the person who runs it is neither root nor the image's user, the files are still theirs."""
    try:
        another_person.compose("run", "--rm", "--no-deps", "--no-TTY", "web", "python", "manage.py", "startapp", "shop")
        made = [*(another_person.directory / "web/shop").rglob("*")]
        assert made
        assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(12345, 12346)}
    finally:
        another_person.remove()
