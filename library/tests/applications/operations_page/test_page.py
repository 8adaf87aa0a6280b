"""The page about operations: who sees it, what it says, and what it costs."""

import re
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from uuid import uuid4

import pytest
from bedplate.django.cron_runs.models import CronRun
from bedplate.django.operations import heartbeat
from bedplate.django.operations.models import TaskRun
from bedplate.django.operations_page import gathering, services
from bedplate.django.operations_page.parts import PARTS
from bedplate.django.outbox.models import OutgoingMail
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings
from users.models import User

from applications.operations.conftest import database_unavailable

pytestmark = pytest.mark.django_db

Page = Callable[..., str]
HOUR = timedelta(hours=1)


def text_of(html: str) -> str:
    """Return the text of a page, on one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


@pytest.mark.usefixtures("same_thread", "own_cache")
@pytest.mark.parametrize("address", ["/operations/", "/operations/tasks/", "/operations/summary/"])
def test_it_is_for_staff(client: Client, user: User, address: str) -> None:
    assert client.get(address)["Location"].startswith("/accounts/login/?next=/operations/")
    client.force_login(user)
    assert client.get(address).status_code == 403


@pytest.mark.usefixtures("same_thread", "own_cache", "prod")
def test_staff_must_give_their_second_factor(client: Client, staff: User, settings: Settings) -> None:
    settings.STAFF_NEEDS_SECOND_FACTOR = True
    client.force_login(staff)
    assert client.get("/operations/")["Location"].startswith("/accounts/2fa/?next=")
    command = client.post(f"/operations/tasks/{uuid4()}/retry/")
    assert command["Location"].startswith("/accounts/2fa/?next=")


def test_without_cron_and_tasks_all_is_well(page: Page, configure: Callable[..., None]) -> None:
    configure(environment="embedded")
    said = text_of(page())
    assert "All is well." in said
    assert "Embedded mode has no cron." in said
    assert "SQLite" in said or "PostgreSQL" in said


def test_every_part_can_be_updated_alone(page: Page) -> None:
    whole = page()
    addresses = re.findall(r'data-part="([^"]+)"', whole)
    assert [address.split("/")[2] for address in addresses] == ["summary", *PARTS]
    for address in addresses:
        assert "<html" not in page(address)


def test_an_unknown_part_does_not_exist(client: Client, page: Page) -> None:
    page()
    assert client.get("/operations/nothing/").status_code == 404


@pytest.mark.usefixtures("prod")
def test_cron_and_the_worker_are_services_too(page: Page) -> None:
    heartbeat.beat("worker", version="Celery 5")
    heartbeat.beat("cron", version="supercronic 1")
    said = text_of(page("/operations/services/"))
    for words in ("Worker Celery 5 heartbeat", "Cron supercronic 1 heartbeat", "Flower Flower 2"):
        assert words in said
    assert "does not answer" not in said
    cache.delete(heartbeat.key("cron"))
    assert "Cron does not answer." in text_of(page("/operations/summary/"))


@pytest.mark.usefixtures("prod")
@pytest.mark.parametrize(("silent_for", "words"), [(20, "answers"), (60, "silent"), (600, "does not answer")])
def test_a_silent_worker_is_shown_before_anyone_is_alerted(page: Page, silent_for: float, words: str) -> None:
    heartbeat.beat("cron")
    heartbeat.beat("worker")
    cache.set(heartbeat.key("worker"), timezone.now().timestamp() - silent_for, timeout=None)
    assert f"{words} Worker" in text_of(page("/operations/services/"))


@pytest.mark.usefixtures("prod")
def test_without_the_cache_the_heartbeats_are_unknown(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> tuple[str, float]:
        raise ConnectionError("password=secret")

    monkeypatch.setattr(services.CALLS["cache"], "_function", fail)
    html = page()
    said = text_of(html)
    assert "does not answer Cache ConnectionError" in said
    assert "unknown Worker The cache has its heartbeats." in said
    assert "secret" not in html


def test_a_part_that_fails_shows_its_error_and_leaves_the_others(page: Page, replace_part: Callable[..., None]) -> None:
    def fail() -> object:
        raise PermissionError("password=secret")

    replace_part("storage", fail)
    html = page()
    assert "This could not be read: PermissionError" in html
    assert "Disk and database: could not be read (PermissionError)." in html
    assert "secret" not in html
    assert "Pending migrations" in html


def test_a_part_that_hangs_has_a_time_limit(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "TIME_LIMIT", 0.05)
    monkeypatch.setattr(PARTS["storage"], "start", Future)
    start = time.monotonic()
    assert "This could not be read: TimeoutError" in page()
    assert time.monotonic() - start < 10  # the limit, and a slow machine


@pytest.mark.usefixtures("prod")
def test_cron_shows_last_run_duration_next_run_and_thirty_runs(page: Page) -> None:
    heartbeat.beat("cron")
    now = timezone.now()
    for number in range(40):
        at = now - number * HOUR
        state = CronRun.State.FAILED if number == 1 else CronRun.State.SUCCEEDED
        CronRun.objects.create(
            task="check", state=state, scheduled_for=at, started=at, finished=at + timedelta(seconds=90)
        )
    CronRun.objects.create(task="check", scheduled_for=now + 2.5 * HOUR)
    html = page("/operations/cron/")
    said = text_of(html)
    assert "took 2 min" in said
    assert "next in 2 hours" in said
    assert html.count("<rect") == 30
    assert html.count("run--failed") == 1
    assert "The last 30 runs: 1 failed or missed" in html
    assert "check" not in text_of(page("/operations/summary/"))


@pytest.mark.usefixtures("prod")
@pytest.mark.parametrize("state", ["failed", "missed"])
def test_a_failed_run_of_cron_needs_attention(page: Page, state: str) -> None:
    now = timezone.now()
    CronRun.objects.create(task="check", state=state, scheduled_for=now, finished=now, reason="Exited with 3.")
    assert "Exited with 3." in page("/operations/cron/")
    assert f"The last run of the cron task check: {state}." in page("/operations/summary/")


@pytest.mark.usefixtures("prod")
def test_a_run_of_cron_that_nothing_starts_is_overdue(page: Page) -> None:
    CronRun.objects.create(task="check", scheduled_for=timezone.now() - HOUR)
    assert "overdue" in page("/operations/cron/")
    assert "The cron task check is overdue." in page("/operations/summary/")


@pytest.mark.usefixtures("prod")
def test_the_page_takes_at_most_five_queries(page: Page) -> None:
    heartbeat.beat("cron")
    heartbeat.beat("worker")
    now = timezone.now()
    runs = [TaskRun(name="a", state=state, arguments="[]") for state in ("queued", "running") for _ in range(30)]
    TaskRun.objects.bulk_create(runs)
    CronRun.objects.bulk_create(
        CronRun(task=f"task {number % 7}", state="succeeded", scheduled_for=now - number * HOUR, finished=now)
        for number in range(500)
    )
    page()  # what changes slowly is kept for a minute
    with CaptureQueriesContext(connection) as queries:
        page()
    assert len(queries) <= 5, [query["sql"] for query in queries.captured_queries]
    assert {part.name for part in PARTS.values() if part.keep} == {"release", "mail", "backups", "storage"}


@pytest.mark.django_db(transaction=True)
def test_parts_are_gathered_in_threads_with_connections_of_their_own(client: Client, staff: User) -> None:
    client.force_login(staff)
    for part in PARTS.values():
        part.forget()
    html = client.get("/operations/").content.decode()
    assert "could not be read" not in html
    assert "Largest tables" in html


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("shared_database", "prod")  # a file that can be moved
@pytest.mark.parametrize("environment", ["local", "prod"])
def test_without_the_database_the_page_says_so(
    client: Client, staff: User, configure: Callable[..., None], environment: str
) -> None:
    configure(environment=environment)
    client.force_login(staff)
    with database_unavailable():
        whole, part = client.get("/operations/"), client.get("/operations/tasks/")
    assert (whole.status_code, part.status_code) == (503, 503)
    said = text_of(whole.content.decode())
    assert "The site cannot check who you are" in said
    # Only a site that this machine alone reaches shows its services to those who are not known.
    assert ("does not answer Database" in said) is (environment == "local")
    assert client.get("/operations/").status_code == 200


def test_failed_and_late_mail_is_shown(page: Page) -> None:
    now = timezone.now()
    OutgoingMail.objects.create(recipients=["ada@example.org"], state="failed", finished=now)
    OutgoingMail.objects.create(recipients=["bob@example.org"], state="sent", finished=now)
    OutgoingMail.objects.create(recipients=["eve@example.org"], attempts=3)
    OutgoingMail.objects.filter(state="waiting").update(created=now - HOUR)
    shown = text_of(page("/operations/mail/"))
    for words in (
        "Waiting 1 for 1 hour · 1 was tried already",
        "Failed in the last 7 days 1",
        "Sent in the last day 1",
    ):
        assert words in shown
    problems = text_of(page("/operations/summary/"))
    assert "1 mail could not be sent in the last day." in problems
    assert "A mail has waited for 60 minutes." in problems
    assert "example.org" not in shown


def test_tasks_have_their_titles(page: Page) -> None:
    for name in ("operations.tasks.sample", "gone.tasks.unknown"):
        TaskRun.objects.create(name=name, state="running", started=timezone.now(), requested_by=None)
    shown = page("/operations/tasks/")
    assert 'aria-label="Sample task"' in shown
    assert "operations.tasks.sample" not in shown
    assert "gone.tasks.unknown" in shown
