"""Dates are in one form that cannot be misread, whatever the browser's region."""

from datetime import UTC, datetime

import pytest
from bedplate.django.operations.models import TaskRun
from django.test import Client
from django.utils import timezone
from users.models import User

MORNING = datetime(2026, 11, 25, 10, 45, tzinfo=UTC)
FORMS = [("en-US", "25 Nov 2026, 10:45 UTC"), ("en-GB", "25 Nov 2026, 10:45 UTC"), ("fr-CA", "25 nov. 2026, 10:45 UTC")]


@pytest.mark.parametrize(("language", "expected"), FORMS)
def test_a_time_has_its_month_as_a_word_and_its_zone(client: Client, staff: User, language: str, expected: str) -> None:
    run = TaskRun.objects.create(name="sample", state="succeeded", percent=100, requested_by=staff, finished=MORNING)
    client.force_login(staff)
    for address in ("/tasks/", "/admin/operations/taskrun/", f"/admin/operations/taskrun/{run.pk}/change/"):
        page = client.get(address, headers={"Accept-Language": language}).content.decode()
        assert expected in page, address
        assert "11/25/2026" not in page
    changed = client.get(f"/tasks/{run.pk}/", headers={"Accept-Language": language}).json()
    assert changed["finished_label"] == expected


def test_the_zone_is_that_of_the_time(client: Client, staff: User) -> None:
    TaskRun.objects.create(name="sample", state="succeeded", percent=100, requested_by=staff, finished=MORNING)
    client.force_login(staff)
    with timezone.override("Europe/Paris"):
        assert "25 Nov 2026, 11:45 CET" in client.get("/tasks/").content.decode()
