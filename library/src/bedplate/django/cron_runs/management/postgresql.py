"""The check that the database is PostgreSQL."""

from django.core.management.base import CommandError
from django.db import connection


def require_postgresql() -> None:
    """Raise CommandError unless the database is PostgreSQL."""
    if connection.vendor != "postgresql":
        raise CommandError("Cron needs PostgreSQL and its advisory locks. Embedded mode has no cron.")
