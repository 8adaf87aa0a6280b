"""Checks of migrations: the release before still serves while they run."""

from django.conf import settings
from django_migration_linter import MigrationLinter


def survives(*labels: str) -> bool:
    """Return whether the running release survives every migration of these applications but the initial ones.

    Ask it on PostgreSQL: the linter judges by the SQL, and SQLite makes a table again for what PostgreSQL only notes.
    """
    linter = MigrationLinter(
        str(settings.BASE_DIRECTORY), include_apps=labels, ignore_initial_migrations=True, no_cache=True
    )
    linter.lint_all_migrations()
    return not linter.has_errors
