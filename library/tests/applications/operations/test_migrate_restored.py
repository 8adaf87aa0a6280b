"""Migration of a restored database, of older and of newer code."""

from io import StringIO

import pytest
from bedplate.django.operations.management.commands.migrate_restored import unknown_migrations
from bedplate.django.operations.models import TaskRun
from bedplate.django.outbox.models import OutgoingMail
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

pytestmark = pytest.mark.django_db


def applied(app: str, name: str) -> None:
    """Record a migration."""
    MigrationRecorder(connection).record_applied(app, name)


def test_a_database_of_this_code_is_migrated() -> None:
    output = StringIO()
    call_command("migrate_restored", stdout=output)
    assert "No migrations to apply" in output.getvalue()


def test_migrations_of_newer_code_are_refused_by_name() -> None:
    applied("users", "0999_from_the_future")
    with pytest.raises(CommandError, match=r"newer code.*users\.0999_from_the_future.*Update the checkout"):
        call_command("migrate_restored")


def test_uninstalled_apps_do_not_count() -> None:
    applied("an_app_that_is_gone", "0001_initial")
    assert unknown_migrations() == []


def test_unfinished_tasks_of_a_restored_database_are_ended() -> None:
    waits = TaskRun.objects.create(name="count", arguments="[[], {}]")
    done = TaskRun.objects.create(name="count", state="succeeded", finished=timezone.now())
    call_command("migrate_restored", stdout=StringIO())
    waits.refresh_from_db()
    done.refresh_from_db()
    assert (waits.state, waits.error, waits.arguments) == ("failed", "Ended by the restore of a backup.", "")
    assert done.state == "succeeded"


def test_waiting_mail_of_a_restored_database_is_not_sent() -> None:
    OutgoingMail.objects.create(recipients=["ada@example.org"], content=b"x")
    call_command("migrate_restored", stdout=StringIO())
    mail = OutgoingMail.objects.get()
    assert (mail.state, mail.error) == ("failed", "Ended by the restore of a backup.")
