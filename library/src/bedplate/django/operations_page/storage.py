"""The disk of the uploads, the size of the database, and its largest tables."""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import Error, connection
from django.utils.translation import gettext as _

SHOWN: Final = 8
LITTLE_ROOM_PERCENT: Final = 10

POSTGRESQL: Final = f"""
SELECT oid::regclass::text, pg_total_relation_size(oid), NULLIF(reltuples, -1)::bigint,
       pg_database_size(current_database())
FROM pg_class WHERE relkind IN ('r', 'p', 'm') AND relnamespace NOT IN (
    SELECT oid FROM pg_namespace WHERE nspname IN ('pg_catalog', 'information_schema', 'pg_toast')
)
ORDER BY 2 DESC LIMIT {SHOWN}
"""  # noqa: S608 - constants only
SQLITE: Final = f"""
SELECT tbl_name, SUM(pgsize), NULL, NULL FROM dbstat JOIN sqlite_schema USING (name)
GROUP BY tbl_name ORDER BY 2 DESC LIMIT {SHOWN}
"""  # noqa: S608 - constants only


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with its indexes. The number of rows is PostgreSQL's estimate; None before its first one."""

    name: str
    size: int
    rows: int | None


@dataclass(frozen=True, kw_only=True)
class Storage:
    """The use of the uploads' disk and of the database, in bytes."""

    disk_total: int
    disk_free: int
    database: int
    tables: tuple[Table, ...]

    @property
    def percent_used(self) -> int:
        """The part of the disk that is used."""
        return 100 - self.percent_free

    @property
    def percent_free(self) -> int:
        """The part of the disk that is free."""
        return 100 * self.disk_free // self.disk_total if self.disk_total else 0

    @property
    def disk_is_full(self) -> bool:
        """Whether little of the disk is free."""
        return self.percent_free < LITTLE_ROOM_PERCENT

    def problems(self) -> list[str]:
        """Return a sentence if little of the disk is free."""
        return [_("Only %(percent)d %% of the disk is free.") % {"percent": self.percent_free}] * self.disk_is_full


def gather_storage() -> Storage:
    """Return the use of the uploads' disk and of the database, with one query."""
    uploads = Path(settings.MEDIA_ROOT)
    # Embedded mode makes the folder for the first upload.
    disk = shutil.disk_usage(uploads if uploads.is_dir() else uploads.parent)
    rows: list[tuple[str, int, int | None, int | None]] = []
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(POSTGRESQL)
            rows = cursor.fetchall()
    else:
        with suppress(Error), connection.cursor() as cursor:  # SQLite may be built without dbstat
            cursor.execute(SQLITE)
            rows = cursor.fetchall()
    return Storage(
        disk_total=disk.total,
        disk_free=disk.free,
        database=next((int(size) for *_row, size in rows if size is not None), file_size()),
        tables=tuple(Table(name=name, size=size, rows=count) for name, size, count, _size in rows),
    )


def file_size() -> int:
    """Return the size of SQLite's file; 0 if the database is no file."""
    file = Path(str(connection.settings_dict["NAME"]))
    return file.stat().st_size if file.is_file() else 0
