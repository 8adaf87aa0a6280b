"""The metrics for Prometheus."""

from collections.abc import Callable

import pytest
from bedplate.django.operations.models import TaskRun
from bedplate.django.operations_page.models import BackupRecord
from bedplate.django.outbox.models import OutgoingMail
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("same_thread", "own_cache")]

TOKEN = "t" * 32
ADDRESS = "/operations/metrics"


def samples(client: Client) -> dict[str, float]:
    """Return the values by metric and labels."""
    response = client.get(ADDRESS, headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain")
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


@pytest.mark.parametrize(
    "given", ["", TOKEN, "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"bearer {TOKEN}", "Bearer \N{EURO SIGN}"]
)
def test_without_the_token_they_are_closed(client: Client, configure: Callable[..., None], given: str) -> None:
    for token in ("", " ", TOKEN):
        configure(metrics_token=SecretStr(token))
        answer = client.get(ADDRESS, headers={"Authorization": given} if given else {})
        assert (answer.status_code, b"bedplate_" in answer.content) == (403, False)


def test_staff_need_the_token_too(client: Client, staff: object, configure: Callable[..., None]) -> None:
    configure(metrics_token=SecretStr(TOKEN))
    client.force_login(staff)  # type: ignore[arg-type]
    assert client.get(ADDRESS).status_code == 403


@pytest.mark.usefixtures("prod")
def test_they_are_the_facts_of_the_page(client: Client, configure: Callable[..., None]) -> None:
    configure(metrics_token=SecretStr(TOKEN), release="r1")
    now = timezone.now()
    TaskRun.objects.create(name="a")
    TaskRun.objects.create(name="b", state="failed", finished=now)
    OutgoingMail.objects.create(recipients=["a@example.org"], state="failed", finished=now)
    OutgoingMail.objects.create(recipients=["b@example.org"], attempts=2)
    BackupRecord.objects.create(
        name="one", created=now, size=5, database_size=4, seconds=2.5, verified=now, passed=True
    )
    found = samples(client)
    assert found["bedplate_task_runs queued"] == found["bedplate_task_runs failed"] == 1
    assert found["bedplate_task_runs running"] == 0
    assert found["bedplate_mails failed"] == found["bedplate_mails tried"] == found["bedplate_mails waiting"] == 1
    assert found["bedplate_mail_oldest_wait_seconds"] > 0
    assert found["bedplate_service_up database"] == 1
    assert found["bedplate_service_up cron"] == 0  # no heartbeat
    assert found["bedplate_backup_last_size_bytes"] == 5
    assert found["bedplate_backup_last_duration_seconds"] == 2.5
    assert found["bedplate_backup_verified_timestamp_seconds"] == pytest.approx(now.timestamp())
    assert found["bedplate_pending_migrations"] == 0
    assert found["bedplate_disk_free_bytes"] > 0
    assert [name for name in found if name.startswith("bedplate_release_info ") and name.endswith(" r1")]


def test_a_part_that_fails_is_down(
    client: Client, configure: Callable[..., None], replace_part: Callable[..., None]
) -> None:
    def fail() -> object:
        raise OSError

    configure(metrics_token=SecretStr(TOKEN))
    replace_part("storage", fail)
    found = samples(client)
    assert (found["bedplate_part_up storage"], found["bedplate_part_up tasks"]) == (0, 1)
    assert "bedplate_disk_bytes" not in found
