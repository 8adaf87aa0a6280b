"""The pages under /health/, for probes, nginx and the home page."""

import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from threading import Event
from typing import Any, Final

import pytest
from bedplate.django.operations import health, heartbeat
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, Settings
from users.models import User

PARTS: Final[tuple[heartbeat.Part, ...]] = ("cron", "worker")
CHECKS = {"database", "cache", "broker"}


@pytest.fixture
def replace(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, health.Check], None]:
    """Return a function that replaces a check."""
    return lambda name, check: monkeypatch.setitem(health.PROBES, name, health.Probe(name, check))


@pytest.fixture
def silent_server() -> Iterator[int]:
    """Yield the port of a server that accepts connections and does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_live_checks_no_other_service(client: Client, replace: Callable[..., None]) -> None:
    for name in CHECKS:
        replace(name, pytest.fail)
    answer = client.get("/health/live")  # without the database: pytest-django would refuse
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_ready_names_each_check(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):  # no queries for a session
        answer = client.get("/health/ready")
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "ok"
    assert answer.json()["checks"].keys() == CHECKS
    for check in answer.json()["checks"].values():
        assert check["status"] == "ok"
        assert 0 <= check["duration_ms"] < 2000
    assert "no-store" in answer["Cache-Control"]
    assert not answer.cookies


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(CHECKS))
def test_a_failed_check_is_named_without_secrets(
    client: Client, replace: Callable[..., None], caplog: pytest.LogCaptureFixture, name: str
) -> None:
    def fail() -> None:
        raise ConnectionError("password=secret")

    replace(name, fail)
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert answer.json()["checks"][name] == {"status": "unavailable", "error": "ConnectionError"}
    assert [check["status"] for check in answer.json()["checks"].values()].count("ok") == 2
    assert "secret" not in answer.text
    logged = [
        record.levelname
        for record in caplog.records
        if record.name in {"django.request", "bedplate.django.operations.health"}
    ]
    assert logged == ["WARNING"]  # an error would be mailed, for each probe


@pytest.mark.django_db
def test_a_hanging_check_has_a_timeout_and_runs_once(
    client: Client, replace: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "TIME_LIMIT", 0.2)
    asked, go_on = [], Event()

    def hang() -> None:
        asked.append(1)
        go_on.wait(30)

    replace("cache", hang)
    answers = [client.get("/health/ready").json()["checks"]["cache"] for _ in range(3)]
    go_on.set()
    assert answers == [{"status": "unavailable", "error": "TimeoutError"}] * 3
    assert len(asked) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("port", ["closed", "silent"])
def test_an_unreachable_broker_is_detected_within_the_timeout(
    client: Client, settings: Settings, replace: Callable[..., None], silent_server: int, port: str
) -> None:
    replace("broker", health.check_broker)  # a new probe: a check that still runs must not answer the next test
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {}
    settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{1 if port == 'closed' else silent_server}/0"
    start = time.monotonic()
    answer = client.get("/health/ready")
    assert time.monotonic() - start < health.TIME_LIMIT + 1
    expected = "OperationalError" if port == "closed" else "TimeoutError"
    assert answer.json()["checks"]["broker"] == {"status": "unavailable", "error": expected}


@pytest.fixture
def production_behind_nginx(configure: Callable[..., None], settings: Settings) -> None:
    """Configure the site as PROD, with requests through nginx, and without a second factor for staff."""
    configure(environment="prod")
    settings.STAFF_NEEDS_SECOND_FACTOR = False
    settings.SECURE_SSL_REDIRECT = False


@pytest.mark.django_db
@pytest.mark.usefixtures("production_behind_nginx", "own_cache")
@pytest.mark.parametrize("address", ["/health/ready", "/health/services", "/health/background"])
def test_anonymous_users_see_no_checks(client: Client, user: User, staff: User, address: str) -> None:
    for part in PARTS:
        heartbeat.beat(part)
    assert client.get(address).json() == {"status": "ok"}
    client.force_login(user)
    assert client.get(address).json() == {"status": "ok"}
    client.force_login(staff)
    assert client.get(address).json().keys() == {"status", "checks"}
    inside = Client().get(address)  # the tests' client sends X-Real-IP, like nginx
    assert inside.json().keys() == {"status", "checks"}


@pytest.mark.django_db
@pytest.mark.usefixtures("production_behind_nginx")
def test_without_a_database_staff_see_no_checks(
    client: Client, staff: User, replace: Callable[[str, health.Check], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OperationalError

    client.force_login(staff)
    replace("database", fail)
    monkeypatch.setattr(health, "may_see_checks", partial(refuse_queries, health.may_see_checks))
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (503, {"status": "unavailable"})


def refuse_queries(ask: Callable[..., bool], *args: Any, **options: Any) -> bool:
    """Return the result of `ask`. Fail if it queries the database."""
    with CaptureQueriesContext(connection) as queries:
        result = ask(*args, **options)
    assert not queries.captured_queries
    return result


@pytest.mark.usefixtures("production_behind_nginx", "own_cache")
@pytest.mark.parametrize("dead", PARTS)
def test_a_missing_heartbeat_is_detected(dead: heartbeat.Part, caplog: pytest.LogCaptureFixture) -> None:
    for part in PARTS:
        heartbeat.beat(part)
    assert Client().get("/health/background").status_code == 200
    cache.set(heartbeat.key(dead), time.time() - heartbeat.STALE_AFTER_SECONDS - 1, timeout=None)
    answer = Client().get("/health/background")
    assert answer.status_code == 503
    assert {part: check["status"] for part, check in answer.json()["checks"].items()} == {
        part: "unavailable" if part == dead else "ok" for part in (*PARTS, "collations")
    }
    cache.delete(heartbeat.key(dead))
    assert Client().get("/health/background").json()["checks"][dead]["error"] == "no heartbeat yet"
    assert {record.levelname for record in caplog.records} == {"WARNING"}


@pytest.mark.django_db
@pytest.mark.usefixtures("production_behind_nginx", "own_cache")
@pytest.mark.parametrize("dead", PARTS)
def test_services_count_cron_and_the_worker_too(dead: heartbeat.Part) -> None:
    for part in PARTS:
        heartbeat.beat(part)
    answer = Client().get("/health/services")
    assert (answer.status_code, set(answer.json()["checks"])) == (200, {*CHECKS, *PARTS})
    cache.delete(heartbeat.key(dead))
    answer = Client().get("/health/services")
    assert answer.status_code == 503
    assert [name for name, check in answer.json()["checks"].items() if check["status"] != "ok"] == [dead]


@pytest.mark.django_db
@pytest.mark.usefixtures("production_behind_nginx", "own_cache")
def test_without_the_cache_heartbeats_are_unknown(replace: Callable[[str, health.Check], None]) -> None:
    def fail() -> None:
        raise ConnectionError

    replace("cache", fail)
    checks = Client().get("/health/services").json()["checks"]
    assert checks["worker"] == checks["cron"] == {"status": "unavailable", "error": "unknown"}


def test_embedded_mode_has_no_heartbeats(client: Client, configure: Callable[..., None]) -> None:
    configure(environment="embedded")
    answer = client.get("/health/background")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "checks": {}})


@pytest.mark.parametrize("address", ["/health/live", "/health/ready", "/health/background"])
def test_health_can_only_be_read(client: Client, address: str) -> None:
    assert client.post(address).status_code == 405


def test_an_unwritable_queue_is_unavailable(settings: Settings, tmp_path: Any) -> None:
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"data_folder_out": str(tmp_path / "gone")}
    with pytest.raises(FileNotFoundError):
        health.check_broker()
