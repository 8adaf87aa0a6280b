"""Retrying and canceling background tasks on the page about operations."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from bedplate.django.operations import run_control
from bedplate.django.operations.models import TaskRun
from bedplate.django.operations.run_tracking import TrackedTask
from bedplate.django.operations.tasks import sample
from celery import current_app
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from kombu.exceptions import OperationalError
from kombu.utils import json
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("same_thread", "own_cache")]

Page = Callable[..., str]


def failed_run(**fields: Any) -> TaskRun:
    """Return a failed run."""
    arguments = json.dumps(((), {"seconds": 1}))
    given = {"name": sample.name, "arguments": arguments, "error": "OSError: no", "finished": timezone.now()} | fields
    return TaskRun.objects.create(state=TaskRun.State.FAILED, **given)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[TaskRun]:
    """Return the list of runs whose messages were sent."""
    sent: list[TaskRun] = []
    monkeypatch.setattr(TrackedTask, "send", lambda _task, run: sent.append(run))
    return sent


@pytest.fixture
def revoked(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> list[tuple[str, bool]]:
    """Return the list of runs that workers were told to end; they take commands."""
    settings.CELERY_WORKER_ENABLE_REMOTE_CONTROL = True
    revoked: list[tuple[str, bool]] = []
    monkeypatch.setattr(
        type(current_app.control), "revoke", lambda _self, pk, *, terminate: revoked.append((pk, terminate))
    )
    return revoked


def test_a_failed_run_is_retried_once_as_a_new_run_of_the_same_user(
    client: Client,
    page: Page,
    user: User,
    sent: list[TaskRun],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    failed = failed_run(requested_by=user)
    assert f"/operations/tasks/{failed.pk}/retry/" in page()
    with django_capture_on_commit_callbacks(execute=True):
        first = client.post(f"/operations/tasks/{failed.pk}/retry/", follow=True)
        second = client.post(f"/operations/tasks/{failed.pk}/retry/", follow=True)
    assert "The task is queued again." in first.content.decode()
    assert "was retried already" in second.content.decode()
    new = TaskRun.objects.exclude(pk=failed.pk).get()
    assert sent == [new]
    assert (new.name, new.state, new.requested_by, json.loads(new.arguments)) == (
        *(sample.name, "queued", user),
        [[], {"seconds": 1}],
    )
    failed.refresh_from_db()
    assert (failed.state, failed.error) == ("failed", "OSError: no")
    assert "/retry/" not in page()


@pytest.mark.parametrize("fields", [{"name": "no.such.task"}, {"arguments": ""}])
def test_a_run_that_cannot_start_again_is_not_retried(client: Client, page: Page, fields: dict[str, str]) -> None:
    run = failed_run(**fields)
    page()
    answer = client.post(f"/operations/tasks/{run.pk}/retry/", follow=True)
    assert "cannot be retried" in answer.content.decode()
    assert TaskRun.objects.count() == 1


@pytest.mark.parametrize("state", [TaskRun.State.QUEUED, TaskRun.State.RUNNING])
def test_an_unfinished_run_is_canceled(
    client: Client, page: Page, revoked: list[tuple[str, bool]], state: TaskRun.State
) -> None:
    run = TaskRun.objects.create(name=sample.name, state=state, started=timezone.now(), arguments="[]")
    assert f"/operations/tasks/{run.pk}/cancel/" in page()
    assert "The task is canceled." in client.post(f"/operations/tasks/{run.pk}/cancel/", follow=True).content.decode()
    run.refresh_from_db()
    assert (run.state, run.error) == ("failed", "Cancelled.")
    assert revoked == [(str(run.pk), True)]
    assert not TaskRun.objects.begin(run, now=timezone.now())  # its message is still in the queue
    again = client.post(f"/operations/tasks/{run.pk}/cancel/", follow=True)
    assert "it has finished" in again.content.decode()


def test_a_run_is_canceled_while_the_queue_is_unavailable(
    client: Client, page: Page, revoked: list[tuple[str, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any, **_options: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(type(current_app.control), "revoke", fail)
    run = TaskRun.objects.create(name=sample.name, arguments="[]")
    page()
    assert "The task is canceled." in client.post(f"/operations/tasks/{run.pk}/cancel/", follow=True).content.decode()
    assert revoked == []


def test_embedded_mode_cancels_only_what_waits(page: Page, settings: Settings) -> None:
    settings.CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
    running = TaskRun.objects.create(name="a", state="running", started=timezone.now())
    waiting = TaskRun.objects.create(name="b")
    html = page()
    assert f"{running.pk}/cancel/" not in html
    assert f"{waiting.pk}/cancel/" in html
    assert (run_control.cancel(running.pk), run_control.cancel(waiting.pk)) == (False, True)


@pytest.mark.parametrize("command", ["retry", "cancel"])
def test_commands_need_a_post_a_token_and_the_permission(client: Client, user: User, command: str) -> None:
    address = f"/operations/tasks/{failed_run().pk}/{command}/"
    user.is_staff = True
    user.save()
    client.force_login(user)
    assert client.get(address).status_code == 405
    assert client.post(address).status_code == 403
    assert address not in client.get("/operations/").content.decode()
    user.user_permissions.add(Permission.objects.get(codename="control_workers"))
    assert client.post(address).status_code == 302
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user)
    assert strict.post(address).status_code == 403


def test_an_unknown_run_is_a_message_and_no_error(client: Client, page: Page) -> None:
    page()
    for command in ("retry", "cancel"):
        answer = client.post(f"/operations/tasks/{uuid4()}/{command}/", follow=True)
        assert "message--warning" in answer.content.decode()


def test_the_page_shows_runs_of_each_state_and_their_numbers(page: Page) -> None:
    now = timezone.now()
    running = TaskRun.objects.create(name="imports", state="running", percent=40, message="4 of 10", started=now)
    for _number in range(12):
        failed_run()
    failed_run(finished=now - timedelta(days=8), error="too old")
    html = page("/operations/tasks/")
    assert f'value="{running.percent}"' in html
    assert "4 of 10" in html
    assert html.count("OSError: no") == 10
    assert "and 2 more" in html
    assert "too old" not in html
    assert "12 tasks failed in the last day." in page("/operations/summary/")


def test_a_long_wait_needs_attention(page: Page) -> None:
    TaskRun.objects.create(name="later", due=timezone.now() + timedelta(hours=1))
    assert "waited" not in page("/operations/summary/")
    TaskRun.objects.create(name="stuck", due=timezone.now() - timedelta(minutes=12))
    assert "A task has waited for 12 minutes." in page("/operations/summary/")


def test_hostile_names_and_errors_are_escaped(page: Page) -> None:
    failed_run(name="<script>alert(1)</script>", error="<b>\N{RIGHT-TO-LEFT OVERRIDE}</b>" * 200)
    html = page("/operations/tasks/")
    assert "<script>" not in html
    assert "<b>" not in html
