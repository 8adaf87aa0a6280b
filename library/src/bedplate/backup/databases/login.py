"""The address of a PostgreSQL server, and the role to log in with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import psycopg

from bedplate.backup.databases.inventory import Server
from bedplate.backup.databases.tools import OPTIONS
from bedplate.backup.errors import BackupError

MAINTENANCE_DATABASE: Final = "postgres"


@dataclass(frozen=True, kw_only=True)
class Login:
    """A server, and a role with the right to log in."""

    host: str
    """A host name, or the folder of the server's socket."""
    port: int
    user: str
    password: str = field(repr=False)

    @property
    def options(self) -> list[str]:
        """The options for PostgreSQL's programs. The password is not among them."""
        return [f"--host={self.host}", f"--port={self.port}", f"--username={self.user}", "--no-password"]

    def open(self, database: str) -> Server:
        """Return a connection. Raise psycopg's errors."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            dbname=database,
            user=self.user,
            password=self.password,
            connect_timeout=10,
            options=OPTIONS,
            client_encoding="UTF8",
            application_name="backup_system",
        )

    @contextmanager
    def connect(self, database: str) -> Iterator[Server]:
        """Yield a connection, and close it. Raise BackupError when the server reports an error."""
        try:
            with self.open(database) as connection:
                yield connection
        except psycopg.errors.ObjectInUse:
            raise
        except psycopg.Error as error:
            raise BackupError(f"PostgreSQL: {str(error).strip()}") from None
