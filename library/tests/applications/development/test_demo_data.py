"""`manage.py demo_data` fills the pages, whose queries do not grow with it."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from bedplate.django.cron_runs.models import CronRun
from bedplate.django.development.management.commands import demo_data
from bedplate.django.media.models import Document
from bedplate.django.operations.models import TaskRun
from bedplate.testing.plugin import MakeUser
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

pytestmark = pytest.mark.django_db
User: Any = get_user_model()
TABLES: Any = (User, Document, TaskRun, CronRun)


@pytest.fixture(autouse=True)
def own_folder(settings: Settings, tmp_path: Path) -> Path:
    """Give the test its own folder for files."""
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {**settings.STORAGES["default"], "OPTIONS": {"location": tmp_path}},
    }
    return tmp_path


def run(*arguments: str) -> str:
    output = StringIO()
    call_command("demo_data", *arguments, stdout=output)
    return output.getvalue()


def numbers() -> list[int]:
    return [table.objects.count() for table in TABLES]


def test_it_says_what_it_has_created() -> None:
    printed = run()
    users, documents, task_runs, cron_runs = numbers()
    assert f"{users} users" in printed
    assert f"{documents} documents" in printed
    assert f"{task_runs} task runs and {cron_runs} cron runs" in printed
    assert (users, task_runs) == (40, 320)
    assert 40 < documents < 160
    assert cron_runs == 720 + 30 + 4


def test_no_one_can_sign_in_as_its_users() -> None:
    run("--users", "3")
    assert [user.has_usable_password() or user.is_staff for user in User.objects.all()] == [False] * 3


def test_a_worker_or_cron_finds_nothing_to_start() -> None:
    run("--users", "3")
    assert not TaskRun.objects.filter(finished=None).exists()
    assert not CronRun.objects.filter(finished=None).exists()
    assert not TaskRun.objects.filter(created__gt=timezone.now() - timedelta(seconds=30)).exists()


def test_it_replaces_its_own_data_only(user: Any, own_folder: Path, django_capture_on_commit_callbacks: Any) -> None:
    mine = TaskRun.objects.create(name="count", requested_by=user)
    cron = CronRun.objects.create(task="demo-hourly", command="x", scheduled_for=timezone.now())
    run("--users", "5")
    created = numbers()
    files = len([path for path in own_folder.rglob("*") if path.is_file()])
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            run("--users", "5")
        assert numbers() == created
        assert len([path for path in own_folder.rglob("*") if path.is_file()]) == files > 0
    with django_capture_on_commit_callbacks(execute=True):
        assert "deleted" in run("--delete")
    assert [list(table.objects.all()) for table in TABLES] == [[user], [], [mine], [cron]]


def test_it_refuses_to_run_on_prod(configure: Callable[..., None]) -> None:
    configure(environment="prod")
    for arguments in ([], ["--delete"]):
        with pytest.raises(CommandError, match="This is PROD"):
            run(*arguments)
    assert numbers() == [0, 0, 0, 0]


@pytest.mark.parametrize("number", ["0", "-1", "10001", "many", ""])
def test_an_invalid_number_is_refused(number: str) -> None:
    with pytest.raises(CommandError, match="--users"):
        run("--users", number)


def test_an_error_leaves_the_earlier_data(monkeypatch: pytest.MonkeyPatch) -> None:
    run("--users", "3")
    before = numbers()
    monkeypatch.setattr(demo_data, "cron_run", lambda *_: CronRun(task="x", scheduled_for=timezone.now(), state="?"))
    with pytest.raises(CommandError, match="Nothing was changed"):
        run("--users", "4")
    assert numbers() == before


@pytest.mark.parametrize(
    "address",
    ["/", "/tasks/", "/documents/", "/admin/users/user/", "/admin/operations/taskrun/", "/admin/cron_runs/cronrun/"],
)
def test_queries_of_pages_do_not_grow_with_it(
    client: Client, make_user: MakeUser, address: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    run("--users", "10")
    staff = make_user("grace@example.org", is_staff=True, is_superuser=True)
    owner = User.objects.get(email="user2@demo.example")
    TaskRun.objects.update(requested_by=owner)
    Document.objects.update(owner=owner)
    for user, status in ((owner, 302 if address.startswith("/admin/") else 200), (staff, 200)):
        client.force_login(user)
        client.get("/robots.txt")  # records the session's activity, once in five minutes
        with django_assert_max_num_queries(8 if address.startswith("/admin/") else 5):
            assert client.get(address).status_code == status
