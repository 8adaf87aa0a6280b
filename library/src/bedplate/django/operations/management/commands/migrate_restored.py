"""`manage.py migrate_restored`: a restore runs it on a database before it becomes the live one."""

from typing import Any

from bedplate.django.operations.models import TaskRun
from bedplate.django.outbox.models import OutgoingMail
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django.utils.translation import gettext


class Command(BaseCommand):
    """Migrates a restored database forward, but not one of newer code. Ends its unfinished tasks and mail."""

    help = (
        "Migrate a restored database to this code, and end its unfinished tasks and mail. "
        "Refuse one that newer code has migrated."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Print the output of `migrate`."""
        if unknown := unknown_migrations():
            raise CommandError(
                f"The backup is from newer code than this: it has the migrations {', '.join(unknown)}. "
                "Update the checkout (git pull), then restore it again."
            )
        call_command("migrate", interactive=False, stdout=self.stdout)
        # These runs may be done since, or belong to another environment: a worker here must not start them.
        TaskRun.objects.unfinished().end(
            state=TaskRun.State.FAILED,
            error=gettext("Ended by the restore of a backup."),
            arguments="",
            finished=timezone.now(),
        )
        # It may be sent since. Staff can send it again.
        OutgoingMail.objects.end_waiting(gettext("Ended by the restore of a backup."), now=timezone.now())


def unknown_migrations() -> list[str]:
    """Return the applied migrations that this code does not have. Apps that are not installed do not count."""
    loader = MigrationLoader(None)
    known = set(loader.disk_migrations)
    for migration in loader.disk_migrations.values():
        known.update(migration.replaces)
    applied = MigrationRecorder(connection).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in applied if app in loader.migrated_apps and (app, name) not in known)
