"""Titles of tasks, and the users who may see, cancel and retry a run, and read its error."""

import re
import subprocess
import sys
from typing import Any, Final
from uuid import uuid4

import pytest
from bedplate.django.operations import run_control, titles
from bedplate.django.operations.models import TaskRun
from bedplate.django.operations.run_tracking import TaskError
from billiard.einfo import ExceptionInfo
from celery import current_app
from celery.app.task import Task
from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from pytest_django import Settings
from users.models import User

from applications.operations import tasks

pytestmark = pytest.mark.django_db

SAMPLE: Final = "operations.tasks.sample"
HOSTILE: Final = "shop.tasks.<script>alert(1)</script>\N{RIGHT-TO-LEFT OVERRIDE}"
TRACEBACK: Final = 'Traceback:\n  File "shop/tasks.py"\nKeyError: <secret>'
FRENCH: Final = {"Accept-Language": "fr"}


@pytest.fixture
def other(db: None) -> User:
    """Return another user."""
    return User.objects.create_user("eve@example.org")


def make_run(user: User | None, **fields: Any) -> TaskRun:
    """Return a run."""
    return TaskRun.objects.create(**{"name": SAMPLE, "requested_by": user} | fields)


def failed_run(user: User | None, **fields: Any) -> TaskRun:
    """Return a run that failed with an unexpected error."""
    fields = {"error": "KeyError: <secret>", "traceback": TRACEBACK, "arguments": "[[], {}]"} | fields
    return make_run(user, state="failed", finished=timezone.now(), **fields)


def words(html: str) -> str:
    """Return the words of a page's body."""
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition("<main")[2]).split())


@pytest.mark.parametrize("path", ["/tasks/", "/admin/operations/taskrun/"])
def test_each_page_shows_the_title_in_the_viewers_language(client: Client, staff: User, path: str) -> None:
    for name in (SAMPLE, "gone.tasks.unknown", HOSTILE):
        failed_run(staff, name=name)
    client.force_login(staff)
    english, french = client.get(path).text, client.get(path, headers=FRENCH).text
    assert "Sample task" in english
    assert "Tâche d\N{RIGHT SINGLE QUOTATION MARK}exemple" in french
    assert SAMPLE not in re.sub(r'href="[^"]*"', "", english + french)
    assert "gone.tasks.unknown" in english
    assert "<script>alert(1)" not in english


def test_the_progress_bar_and_the_announcement_have_the_title(client: Client, user: User) -> None:
    run = make_run(user)
    client.force_login(user)
    assert 'aria-label="Sample task"' in client.get("/tasks/").text
    assert (
        client.get(f"/tasks/{run.pk}/", headers=FRENCH).json()["title"]
        == "Tâche d\N{RIGHT SINGLE QUOTATION MARK}exemple"
    )


def test_the_filter_of_the_administration_has_titles_and_works(client: Client, staff: User) -> None:
    make_run(staff)
    make_run(staff, name="gone.tasks.unknown")
    client.force_login(staff)
    page = client.get("/admin/operations/taskrun/", {"name": SAMPLE}).text
    assert re.search(r'<a href="\?name=operations\.tasks\.sample"[^>]*>\s*Sample task\s*</a>', page)
    assert re.search(r">\s*gone\.tasks\.unknown\s*</a>", page)
    assert page.count('class="field-title"') == 1


def test_every_task_of_the_library_has_a_title_in_french() -> None:
    found = {name for name in titles.registered_tasks() if name.startswith(("operations.", "users."))}
    assert SAMPLE in found
    with translation.override("fr"):
        french = {name: titles.title_of(name) for name in found}
    for name, title in french.items():
        assert title not in (name, str(titles.registered_tasks()[name].title)), name


def test_a_process_that_imports_no_tasks_knows_the_titles() -> None:
    """The page about operations shows tasks of apps whose views it has not loaded."""
    program = "import django; django.setup()\nfrom bedplate.django.operations.titles import title_of\n"
    program += f"print(title_of({'users.tasks.send_password_reset'!r}))"
    shown = subprocess.check_output([sys.executable, "-c", program], cwd=settings.BASE_DIRECTORY, text=True)
    assert shown.splitlines()[-1] == "Mail for a new password"


def fail(task: Task[Any, Any], error: Exception) -> TaskRun:
    """Record this error of a new run, and return the run."""
    run = TaskRun.objects.create(name=task.name)
    try:
        raise error
    except type(error):
        task.on_failure(error, str(run.pk), (), {}, ExceptionInfo())
    run.refresh_from_db()
    return run


def test_an_unexpected_error_is_for_staff_and_users_get_a_plain_message(
    client: Client, user: User, staff: User
) -> None:
    run = fail(tasks.raise_error, ValueError("row 7\0 of /accounts/password/reset/key/1-dilpfa/"))
    TaskRun.objects.update(requested_by=user)
    assert run.error == "ValueError: row 7 of /accounts/password/reset/key/[hidden]/"
    assert "test_titles_and_rights.py" in run.traceback
    assert "dilpfa" not in run.traceback
    client.force_login(user)
    page, data = client.get("/tasks/").text, client.get(f"/tasks/{run.pk}/").json()
    assert data["error"] == "It failed because of an unexpected error."
    assert (
        "Échec à cause d\N{RIGHT SINGLE QUOTATION MARK}une erreur inattendue."
        in client.get("/tasks/", headers=FRENCH).text
    )
    assert "ValueError" not in page + str(data)
    assert "Details" not in page
    client.force_login(staff)
    assert "ValueError: row 7" in client.get("/tasks/").text
    detail = f"/admin/operations/taskrun/{run.pk}/change/"
    assert detail in client.get("/tasks/").text
    assert "test_titles_and_rights.py" in client.get(detail).text


def test_an_error_that_the_task_explains_is_for_its_user(client: Client, user: User) -> None:
    run = fail(tasks.raise_error, TaskError("Line 7 has no <date>."))
    TaskRun.objects.update(requested_by=user)
    client.force_login(user)
    assert (run.error, run.traceback) == ("Line 7 has no <date>.", "")
    assert "Line 7 has no &lt;date&gt;." in client.get("/tasks/").text


def test_a_long_traceback_keeps_its_end() -> None:
    run = fail(tasks.raise_error, ValueError("x" * 50_000 + " the end"))
    assert (len(run.error), len(run.traceback)) == (2000, 20_000)
    assert run.traceback.rstrip().endswith("the end")


def test_a_traceback_is_html_escaped_in_the_administration(client: Client, staff: User) -> None:
    run = failed_run(staff)
    client.force_login(staff)
    assert "KeyError: &lt;secret&gt;" in client.get(f"/admin/operations/taskrun/{run.pk}/change/").text


def test_only_staff_with_the_permission_read_tracebacks(client: Client, user: User) -> None:
    run = failed_run(user)
    detail = f"/admin/operations/taskrun/{run.pk}/change/"
    client.force_login(user)
    assert client.get(detail).status_code == 302
    user.is_staff = True
    user.save()
    assert client.get(detail).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_taskrun"))
    assert TRACEBACK.splitlines()[0] in client.get(detail).text


@pytest.fixture
def controlled(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let workers take commands, and return the ids of revoked tasks."""
    settings.CELERY_WORKER_ENABLE_REMOTE_CONTROL = True
    revoked: list[str] = []
    monkeypatch.setattr(current_app.control, "revoke", lambda pk, **_: revoked.append(pk))
    return revoked


@pytest.mark.parametrize("state", ["queued", "running"])
def test_users_cancel_their_own_runs(client: Client, user: User, controlled: list[str], state: str) -> None:
    run = make_run(user, state=state)
    client.force_login(user)
    address = f"/tasks/{run.pk}/cancel/"
    assert address in client.get("/tasks/").text
    assert "The task is canceled." in client.post(address, follow=True).text
    run.refresh_from_db()
    assert (run.state, run.error, controlled) == ("failed", "Cancelled.", [str(run.pk)])
    assert "it has finished" in client.post(address, follow=True).text
    assert address not in client.get("/tasks/").text


def test_a_running_task_of_embedded_mode_is_not_offered_to_cancel(
    client: Client, user: User, settings: Settings
) -> None:
    settings.CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
    make_run(user, state="running")
    client.force_login(user)
    assert "/cancel/" not in client.get("/tasks/").text


def test_the_run_of_another_user_does_not_exist(client: Client, user: User, other: User, controlled: list[str]) -> None:
    run, system = make_run(user), make_run(None)
    client.force_login(other)
    for pk in (run.pk, system.pk, uuid4()):
        assert client.get(f"/tasks/{pk}/").status_code == 404
        assert client.post(f"/tasks/{pk}/cancel/").status_code == 404
        assert client.post(f"/operations/tasks/{pk}/retry/").status_code in (403, 404)
    assert "Sample task" not in words(client.get("/tasks/").text).partition("History")[2]
    assert set(TaskRun.objects.values_list("state", flat=True)) == {"queued"}
    assert controlled == []


def test_staff_see_all_runs_and_cancel_them_with_the_permission(
    client: Client, user: User, other: User, controlled: list[str]
) -> None:
    run = make_run(user)
    other.is_staff = True
    other.save()
    client.force_login(other)
    assert client.get(f"/tasks/{run.pk}/").status_code == 200
    assert client.post(f"/tasks/{run.pk}/cancel/").status_code == 403
    other.user_permissions.add(Permission.objects.get(codename="control_workers"))
    assert client.post(f"/tasks/{run.pk}/cancel/").status_code == 302
    run.refresh_from_db()
    assert run.state == "failed"


def test_a_user_cannot_retry_even_an_own_run(client: Client, user: User) -> None:
    """The page that starts the task checks who may: a retry would pass it by."""
    run = failed_run(user)
    client.force_login(user)
    assert client.post(f"/operations/tasks/{run.pk}/retry/").status_code in (403, 404)
    assert TaskRun.objects.count() == 1


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_canceling_takes_a_post_with_a_token_and_a_login(client: Client, user: User, method: str) -> None:
    run = make_run(user)
    address = f"/tasks/{run.pk}/cancel/"
    assert client.post(address)["Location"].startswith("/accounts/login/")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    assert browser.post(address).status_code == 403
    client.force_login(user)
    assert getattr(client, method)(address).status_code == 405
    run.refresh_from_db()
    assert run.state == "queued"


@pytest.mark.parametrize("path", ["nonsense", "8a2f4c7e", "%00", "8a2f4c7e-0000-4000-8000-00000000000g"])
def test_invalid_ids_do_not_exist(client: Client, user: User, path: str) -> None:
    client.force_login(user)
    assert client.get(f"/tasks/{path}/").status_code == 404
    assert client.post(f"/tasks/{path}/cancel/").status_code == 404


def test_the_history_takes_at_most_five_queries(client: Client, user: User, staff: User) -> None:
    for state in ("queued", "running"):
        TaskRun.objects.bulk_create(TaskRun(name=SAMPLE, state=state, requested_by=user) for _ in range(15))
    for _ in range(5):
        failed_run(user)
    for viewer in (user, staff):
        client.force_login(viewer)
        client.get("/robots.txt")  # records the session's activity, once in five minutes
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/tasks/").status_code == 200
        assert len(queries) <= 5, [query["sql"] for query in queries.captured_queries]


def test_a_retry_of_an_unloaded_task_works(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(titles.registered_tasks()["users.tasks.send_password_reset"], "send", lambda _run: None)
    run = failed_run(user, name="users.tasks.send_password_reset")
    assert run_control.retry(run.pk)
