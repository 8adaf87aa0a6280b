"""Checks of migrations: the previous release can serve while they run."""

from django.conf import settings
from django_migration_linter import MigrationLinter


def survives(*labels: str) -> bool:
    """Return whether the running release survives every migration of these applications, without the initial ones.

    Call it on PostgreSQL: the linter checks the SQL, and SQLite recreates a table for most changes.
    """
    linter = MigrationLinter(
        str(settings.BASE_DIRECTORY), include_apps=labels, ignore_initial_migrations=True, no_cache=True
    )
    linter.lint_all_migrations()
    return not linter.has_errors
