"""Django's backend for PostgreSQL, which lets the database's password be replaced while the site is open."""

from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Connects with the first password that PostgreSQL takes: there are two while `./rotate_secret.sh` runs."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a new connection. Raise what PostgreSQL says to the last password."""
        *earlier, last = settings.ENVIRONMENT.postgres_passwords
        for password in earlier:
            try:
                return super().get_new_connection(conn_params | {"password": password})
            except psycopg.OperationalError:
                continue
        return super().get_new_connection(conn_params | {"password": last})
