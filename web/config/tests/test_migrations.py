"""Migrations run while the previous release still serves: it must survive them."""

from pathlib import Path

import pytest
from bedplate.testing.migrations import survives
from django.apps import apps
from django.conf import settings
from django.db import connection

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="checks PostgreSQL's SQL"),
]


def test_running_release_survives_every_migration() -> None:
    """No migration of the project removes, renames or requires something that the previous release does not expect."""
    ours = [config.label for config in apps.get_app_configs() if Path(config.path).parent == settings.BASE_DIRECTORY]
    assert "users" in ours
    assert survives(*ours)
