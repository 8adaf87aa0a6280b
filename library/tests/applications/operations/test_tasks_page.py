"""The page /tasks/ and its JSON."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from bedplate.django.operations.models import TaskRun
from bedplate.django.operations.tasks import sample
from django.db import transaction
from django.test import Client
from django.utils import timezone
from kombu.exceptions import OperationalError
from pytest_django import Settings
from users.models import User

Published = list[tuple[tuple[Any, ...], dict[str, Any]]]


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Published:
    """Return the messages sent to a fake queue."""
    sent: Published = []
    monkeypatch.setattr(sample, "apply_async", lambda *args, **kwargs: sent.append((args, kwargs)))
    return sent


@pytest.fixture
def no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the queue unavailable."""

    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise OperationalError("Connection refused by the broker at 10.0.0.7")

    monkeypatch.setattr(sample, "apply_async", refuse)


def make_run(user: User, **fields: Any) -> TaskRun:
    """Return a run of this user."""
    return TaskRun.objects.create(name="operations.tasks.sample", requested_by=user, **fields)


@pytest.mark.django_db(transaction=True)
def test_the_form_queues_a_run(client: Client, user: User, published: Published) -> None:
    client.force_login(user)
    page = client.post("/tasks/", {"seconds": 3}, follow=True)
    run = TaskRun.objects.get()
    assert (run.state, run.requested_by) == ("queued", user)
    assert published == [(((), {"seconds": 3}), {"task_id": str(run.pk), "retries": 0})]
    assert "The task is queued." in page.text


def test_over_the_maximum_the_page_names_it_and_starts_nothing(client: Client, user: User, settings: Settings) -> None:
    settings.TASKS_PER_USER = 1
    make_run(user)
    client.force_login(user)
    response = client.post("/tasks/", {"seconds": 3}, headers={"Accept-Language": "fr"}, follow=True)
    assert "Vous avez le maximum de tâches en cours et en attente\N{NO-BREAK SPACE}: 1." in response.text
    answer = client.post("/tasks/", {"seconds": 3}, headers={"Accept": "application/json"})
    assert (answer.status_code, list(answer.json()["errors"])) == (429, ["__all__"])
    assert TaskRun.objects.count() == 1


def test_a_finished_run_does_not_count(user: User, settings: Settings) -> None:
    settings.TASKS_PER_USER = 1
    make_run(user, state="succeeded", finished=timezone.now())
    assert sample.start(seconds=1, requested_by=user).state == "queued"


@pytest.mark.django_db(transaction=True)
def test_without_a_queue_the_page_shows_a_warning_and_the_run_waits(client: Client, user: User, no_queue: None) -> None:
    client.force_login(user)
    page = client.post("/tasks/", {"seconds": 3}, follow=True)
    assert "The task queue is unavailable. The task will start once it is available again." in page.text
    assert "10.0.0.7" not in page.text
    run = TaskRun.objects.get()
    assert (run.state, run.due) == ("queued", None)


def test_a_run_is_queued_when_the_transaction_commits(
    user: User,
    published: Published,
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[list[Any]]],
) -> None:
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        sample.start(seconds=1, requested_by=user)
        assert not published
    assert len(published) == 1


@pytest.mark.parametrize("seconds", ["", "0", "601", "soon"])
def test_an_invalid_duration_is_refused(client: Client, user: User, published: Published, seconds: str) -> None:
    client.force_login(user)
    page = client.post("/tasks/", {"seconds": seconds})
    assert page.status_code == 200
    assert "errorlist" in page.text
    assert not TaskRun.objects.exists()


def test_the_form_needs_a_token(user: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    assert browser.post("/tasks/", {"seconds": 3}).status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/tasks/", "/tasks/8a2f4c7e-0000-4000-8000-000000000000/"])
def test_anonymous_users_must_log_in(client: Client, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


def test_a_run_is_shown_to_its_owner_and_to_staff_only(client: Client, user: User, staff: User) -> None:
    run = make_run(user, percent=42, message="<b>half</b>", state="running", started=timezone.now())
    other = User.objects.create_user("eve@example.org")
    for viewer, status in ((user, 200), (staff, 200), (other, 404)):
        client.force_login(viewer)
        answer = client.get(f"/tasks/{run.pk}/")
        assert answer.status_code == status
        assert ("&lt;b&gt;half&lt;/b&gt;" in client.get("/tasks/").text) is (status == 200)


def test_a_run_as_json(client: Client, user: User) -> None:
    run = make_run(user, state="failed", finished=timezone.now(), error="ValueError: no")
    client.force_login(user)
    answer = client.get(f"/tasks/{run.pk}/", headers={"Accept-Language": "fr"})
    data = answer.json()
    assert data.keys() == {
        "id", "name", "title", "state", "state_label", "percent", "message", "error", "can_be_canceled", "created",
        "started", "finished", "finished_label",
    }  # fmt: skip
    assert (data["id"], data["state"], data["error"], data["started"]) == (
        str(run.pk),
        "failed",
        "ValueError: no",
        None,
    )
    assert "no-store" in answer["Cache-Control"]


def test_history_is_paginated_newest_first(client: Client, user: User) -> None:
    for number in range(21):
        make_run(user, message=f"number {number}.")
    client.force_login(user)
    first, second = client.get("/tasks/").text, client.get("/tasks/?page=2").text
    assert "number 20." in first
    assert "number 0." not in first
    assert "number 0." in second
    assert client.get("/tasks/?page=nonsense").status_code == 200


@pytest.fixture
def as_staff(client: Client, staff: User) -> Client:
    """Return a client, logged in as staff."""
    client.force_login(staff)
    return client


def test_the_admin_shows_runs_and_is_read_only(as_staff: Client, staff: User) -> None:
    run = make_run(staff)
    address = "/admin/operations/taskrun/"
    assert "Sample task" in as_staff.get(f"{address}?state__exact=queued&q=sample").text
    assert as_staff.get(f"{address}{run.pk}/change/").status_code == 200
    assert as_staff.post(f"{address}{run.pk}/change/", {"state": "failed"}).status_code == 403
    assert as_staff.get(f"{address}add/").status_code == 403
    assert as_staff.post(f"{address}{run.pk}/delete/").status_code == 403
