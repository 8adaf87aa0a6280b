"""Migrations run while the release before still serves: what that would not survive is found here."""

from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django_migration_linter import MigrationLinter

pytestmark = [
    pytest.mark.django_db,
    # SQLite makes a table anew for what PostgreSQL only notes, and the linter judges by the SQL.
    pytest.mark.skipif(connection.vendor != "postgresql", reason="judges PostgreSQL's SQL"),
]


def survives(*labels: str) -> bool:
    """Return whether the running release survives every migration of these apps but the initial ones."""
    linter = MigrationLinter(
        str(settings.BASE_DIRECTORY), include_apps=labels, ignore_initial_migrations=True, no_cache=True
    )
    linter.lint_all_migrations()
    return not linter.has_errors


def test_running_release_survives_every_migration() -> None:
    """No migration of the project takes away, renames or demands what the release before does not know about."""
    ours = [config.label for config in apps.get_app_configs() if Path(config.path).parent == settings.BASE_DIRECTORY]
    assert "users" in ours
    assert survives(*ours)
