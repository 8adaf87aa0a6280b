"""Migrations run while the release before still serves: what that would not survive is found here."""

from pathlib import Path

import pytest
from bedplate.testing.migrations import survives
from django.apps import apps
from django.conf import settings
from django.db import connection

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="judges PostgreSQL's SQL"),
]


def test_running_release_survives_every_migration() -> None:
    """No migration of the project takes away, renames or demands what the release before does not know about."""
    ours = [config.label for config in apps.get_app_configs() if Path(config.path).parent == settings.BASE_DIRECTORY]
    assert "users" in ours
    assert survives(*ours)
