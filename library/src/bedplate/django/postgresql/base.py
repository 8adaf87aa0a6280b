"""Django's backend for PostgreSQL, with support for a rotation of the password while the site runs."""

from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Connects with the first password that PostgreSQL accepts: there are two during `./bedplate rotate-secret`."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a new connection. Raise PostgreSQL's error for the last password."""
        *earlier, last = settings.ENVIRONMENT.postgres_passwords
        for password in earlier:
            try:
                return super().get_new_connection(conn_params | {"password": password})
            except psycopg.OperationalError:
                continue
        return super().get_new_connection(conn_params | {"password": last})
