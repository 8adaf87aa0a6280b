"""`manage.py migrate_restored`: what a restore runs on a database before it becomes the live one."""

from typing import Any

from bedplate.django.operations.models import TaskRun
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django.utils.translation import gettext


class Command(BaseCommand):
    """Migrates a restored database forward; never one that is ahead of the code. No task of it begins."""

    help = (
        "Migrate a restored database to what this code expects, and end the tasks that it was running. "
        "Refuse one that newer code has migrated."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Print what `migrate` prints."""
        if unknown := unknown_migrations():
            raise CommandError(
                f"The backup is from newer code than this: it has the migrations {', '.join(unknown)}. "
                "Update the checkout (git pull), then restore it again."
            )
        call_command("migrate", interactive=False, stdout=self.stdout)
        # They may have been done since, or belong to another environment: a worker here would begin them.
        TaskRun.objects.unfinished().end(
            state=TaskRun.State.FAILED, error=gettext("Ended by the restore of a backup."), finished=timezone.now()
        )


def unknown_migrations() -> list[str]:
    """Return the migrations that this database has and its apps here do not. Apps that are gone do not count."""
    loader = MigrationLoader(None)
    known = set(loader.disk_migrations)
    for migration in loader.disk_migrations.values():
        known.update(migration.replaces)
    applied = MigrationRecorder(connection).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in applied if app in loader.migrated_apps and (app, name) not in known)
