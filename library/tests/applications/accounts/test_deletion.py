"""Users delete their account."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from bedplate.django.accounts.own_data import delete_account
from bedplate.django.accounts.personal_data import DeletionRefusedError, delete_data
from bedplate.django.media.models import Document
from bedplate.django.operations.models import TaskRun
from bedplate.django.operations.run_tracking import TrackedTask
from bedplate.django.operations.tasks import sample
from celery import current_app
from django.contrib.auth import get_user
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError
from django.db.models import ProtectedError
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks
from users.models import User

from applications.accounts.conftest import browser, folder_of, save_document, sign_in

DELETE, DATA, SET_PASSWORD = "/accounts/delete/", "/accounts/data/", "/accounts/password/set/"


@pytest.fixture
def commits(django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Any:
    """Return a function that runs what follows a commit."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def run_removal() -> None:
    """Run the task that removes files, as a worker would."""
    run = TaskRun.objects.get(name="media.tasks.remove_files")
    args, kwargs = json.loads(run.arguments)
    current_app.tasks[run.name].apply(args, kwargs, task_id=str(run.pk), throw=True)


def test_an_account_is_deleted_with_everything(proven: Client, user: User, commits: Any) -> None:
    phone = sign_in(browser("198.51.100.7"))
    document = save_document(user, "notes.txt")
    TaskRun.objects.create(
        name="done", requested_by=user, state=TaskRun.State.SUCCEEDED, finished=timezone.now(), arguments="secret"
    )
    with commits():
        response = proven.post(DELETE, follow=True)
    assert "Your account is deleted.<" in response.content.decode()
    assert not User.objects.exists()
    assert not EmailAddress.objects.exists()
    assert not UserSession.objects.exists()
    assert not Document.objects.exists()
    assert not Path(document.file.path).exists()
    assert [run.name for run in TaskRun.objects.all()] == ["media.tasks.remove_files"]
    assert not get_user(phone).is_authenticated
    assert not get_user(proven).is_authenticated


def test_files_of_other_models_and_of_failed_uploads_are_removed(proven: Client, user: User) -> None:
    default_storage.save(f"{user.pk}/random/orphan.txt", ContentFile(b"x"))
    default_storage.save("999999/random/other.txt", ContentFile(b"x"))
    proven.post(DELETE)
    run_removal()
    assert not folder_of(user).exists()
    assert default_storage.exists("999999/random/other.txt")
    default_storage.delete("999999/random/other.txt")


def test_files_of_an_existing_user_are_never_removed(user: User) -> None:
    document = save_document(user, "notes.txt")
    task: Any = current_app.tasks["media.tasks.remove_files"]
    with pytest.raises(ValueError, match="exists"):
        task.apply((), {"owner": user.pk}, throw=True)
    assert Path(document.file.path).exists()


def test_a_queued_task_of_the_user_does_not_run_anymore(proven: Client, user: User) -> None:
    run = sample.start(requested_by=user)
    proven.post(DELETE)
    run.refresh_from_db()
    assert (run.state, run.arguments, run.requested_by) == (TaskRun.State.FAILED, "", None)
    assert isinstance(sample, TrackedTask)
    sample.apply((), {}, task_id=str(run.pk))
    run.refresh_from_db()
    assert run.state == TaskRun.State.FAILED


def test_running_processes_are_ended_after_the_commit(
    proven: Client, user: User, commits: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[Any] = []
    monkeypatch.setattr(current_app.control, "revoke", lambda ids, **options: ended.append((ids, options)))
    settings.CELERY_WORKER_ENABLE_REMOTE_CONTROL = True
    run = TaskRun.objects.create(name="running", requested_by=user, state=TaskRun.State.RUNNING)
    with commits():
        proven.post(DELETE)
        assert ended == []
    assert ended == [([str(run.pk)], {"terminate": True})]


def test_the_deletion_asks_for_the_password(ada_client: Client) -> None:
    for response in (ada_client.get(DELETE), ada_client.post(DELETE)):
        assert response["Location"].startswith("/accounts/reauthenticate/")
    assert User.objects.exists()


def test_a_user_without_a_password_must_have_signed_in_recently(ada_client: Client, user: User) -> None:
    session = ada_client.session
    User.objects.filter(pk=user.pk).update(password="!x")
    user.refresh_from_db()
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.save()
    assert [ada_client.get(page).status_code for page in (DELETE, SET_PASSWORD)] == [200, 200]
    for record in session["account_authentication_methods"]:
        record["at"] -= 3600
    session.save()
    assert ada_client.post(DELETE)["Location"] == DATA
    assert (
        ada_client.post(SET_PASSWORD, {"password1": "a-thief-s-own", "password2": "a-thief-s-own"})["Location"] == DATA
    )
    assert "needs a recent sign-in" in ada_client.get(DATA).content.decode()
    assert not User.objects.get().has_usable_password()


def test_the_last_superuser_is_refused(proven: Client, user: User) -> None:
    User.objects.update(is_superuser=True)
    page = proven.post(DELETE, follow=True).content.decode()
    assert "You are the only superuser" in page
    assert User.objects.exists()
    assert UserSession.objects.exists()


def test_a_superuser_is_deleted_if_there_is_another_active_one(proven: Client, user: User, staff: User) -> None:
    User.objects.filter(pk=user.pk).update(is_superuser=True)
    User.objects.filter(pk=staff.pk).update(is_active=False)
    with pytest.raises(DeletionRefusedError):
        delete_account(user.pk)
    User.objects.filter(pk=staff.pk).update(is_active=True)
    proven.post(DELETE)
    assert list(User.objects.all()) == [staff]


def test_a_second_deletion_does_nothing(user: User) -> None:
    delete_account(user.pk)
    delete_account(user.pk)


@pytest.fixture(params=[DeletionRefusedError("You have open orders."), ProtectedError("x", set())])
def refusing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse deletions: by the signal, or by a relation that protects the user."""

    def refuse(**_signal: Any) -> None:
        raise request.param

    if isinstance(request.param, ProtectedError):
        monkeypatch.setattr(User, "delete", lambda _user: refuse())
        yield
        return
    delete_data.connect(refuse)
    yield
    delete_data.disconnect(refuse)


@pytest.mark.usefixtures("refusing")
def test_a_refused_deletion_keeps_everything(proven: Client, user: User, commits: Any) -> None:
    document = save_document(user, "notes.txt")
    run = sample.start(requested_by=user)
    with commits():
        page = proven.post(DELETE, follow=True).content.decode()
    assert "You have open orders." in page or "Ask the people who run this site" in page
    assert "Your account is deleted.<" not in page
    run.refresh_from_db()
    assert run.requested_by == user
    assert Path(document.file.path).exists()
    assert get_user(proven).is_authenticated
    assert not TaskRun.objects.filter(name="media.tasks.remove_files").exists()


def test_an_error_of_an_app_keeps_everything(proven: Client, user: User) -> None:
    def fail(**_signal: Any) -> None:
        raise IntegrityError

    delete_data.connect(fail)
    try:
        with pytest.raises(IntegrityError):
            proven.post(DELETE)
    finally:
        delete_data.disconnect(fail)
    assert User.objects.exists()
    assert get_user(proven).is_authenticated
