"""SQLite, for embedded mode: its online backup copies, in both directions, while the application runs."""

import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.backup.databases import DJANGO, Finished, Say
from bedplate.backup.errors import BackupError, UnusableBackupError
from bedplate.backup.manifest import DatabaseInventory, Engine, SequenceBounds
from bedplate.backup.progress import Step
from bedplate.backup.work_directory import PREVIOUS, STAGING, WorkDirectory

FILE: Final = "database.sqlite3"
BUSY_TIMEOUT_SECONDS: Final = 30.0
ENGINE: Final = Engine(name="sqlite", version=sqlite3.sqlite_version)


class DamagedError(BackupError):
    """A file is not a readable database."""


@dataclass(frozen=True)
class SQLite:
    """The database file in the data directory."""

    file: Path
    work_directory: WorkDirectory

    @property
    def engine(self) -> Engine:
        """The library."""
        return ENGINE

    def exists(self) -> bool:
        """Return whether there is a live database, damaged or not."""
        return self.file.exists()

    @property
    def disk(self) -> Path | None:
        """The folder of the file."""
        return self.file.parent

    def room(self, size: int) -> int:
        """Return the bytes that a restore of a database of this size writes to the disk, at most.

        They are the staging database, the write-ahead log of the swap (one percent more), the copy of the live database
        that is kept, and the growth of its file.
        """
        live = self.size()
        return size + (size + size // 100) + live + max(0, size - live)

    def close_staging(self, restore: str) -> None:
        """Do nothing: only this process writes to the staging database."""

    def size(self) -> int:
        """Return the bytes that the live database takes, including its write-ahead log."""
        if not self.file.exists():
            return 0
        try:
            with _open(self.file) as connection:
                query = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
                return int(connection.execute(query).fetchone()[0])
        except DamagedError:
            return self.file.stat().st_size

    def dump(self, folder: Path, *, finished: Finished, step: Step, say: Say) -> DatabaseInventory:  # noqa: ARG002 - SQLite has no superuser
        """Copy the live database into `folder`. Return the inventory of the copy."""
        if not self.file.exists():
            raise BackupError(f"There is no database yet ({self.file}). Run ./install_embedded.sh first.")
        folder.mkdir(parents=True)
        step.expect(1)
        copy = folder / FILE
        _copy(self.file, copy)
        inventory = _inventory(copy)
        finished(copy)
        step.advance()
        return inventory

    def staging(self, restore: str) -> "StagedSQLite":
        """Return the database that a restore prepares, whether it exists yet or not."""
        return StagedSQLite(self.work_directory.staging(restore) / DJANGO / FILE, number=_number(restore))

    def swap(self, restore: str) -> None:
        """Copy the staging database into the live one, in one transaction; keep the previous contents."""
        self._replace(self.staging(restore).file, restore)

    def swap_back(self, earlier: str, restore: str) -> None:
        """Swap in the database that restore `earlier` kept, and keep the live one as the previous one of `restore`."""
        replaced = self._kept(earlier)
        with _open(replaced) as connection:
            connection.execute(f"PRAGMA user_version = {_number(restore)}")
        self._replace(replaced, restore)
        replaced.unlink()

    def swapped(self, restore: str) -> bool:
        """Return whether that restore reached the swap."""
        if not self.file.exists():
            return False
        try:
            with _open(self.file) as connection:
                return bool(connection.execute("PRAGMA user_version").fetchone() == (_number(restore),))
        except DamagedError:
            return False  # a database that a restore made live is readable

    def previous(self) -> list[str]:
        """Return the restores whose previous databases are kept, oldest first."""
        folders = self.work_directory.folders(PREVIOUS)
        return [folder.name.removeprefix(PREVIOUS) for folder in folders if (folder / FILE).exists()]

    def drop_staging(self) -> None:
        """Remove every staging database. Their folders stay."""
        for folder in self.work_directory.folders(STAGING):
            for file in (folder / DJANGO).glob(f"{FILE}*"):
                file.unlink()

    def drop_previous(self, restore: str) -> None:
        """Remove the database that a restore replaced. Without a live one, make it live again."""
        kept = self._kept(restore)
        if self.file.exists():
            kept.unlink(missing_ok=True)
        else:
            _move(kept, self.file)

    def _kept(self, restore: str) -> Path:
        return self.work_directory.previous(restore) / FILE

    def _replace(self, source: Path, restore: str) -> None:
        kept = self._kept(restore)
        kept.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._keep(kept)
        except DamagedError:
            self._set_aside(kept, source, self.work_directory.staging(restore) / FILE)
        else:
            _copy(source, self.file)

    def _set_aside(self, kept: Path, source: Path, whole: Path) -> None:
        """Move the live database aside, once its successor is complete: a partial copy would look like the live one."""
        whole.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        whole.unlink(missing_ok=True)
        _copy(source, whole)
        _move(self.file, kept)
        whole.replace(self.file)

    def _keep(self, kept: Path) -> None:
        """Copy the live database, or an empty one if it is missing."""
        unfinished = kept.with_name(f"{FILE}.unfinished")
        unfinished.unlink(missing_ok=True)
        if self.file.exists():
            _copy(self.file, unfinished)
        else:
            unfinished.touch()
        unfinished.replace(kept)


@dataclass(frozen=True)
class StagedSQLite:
    """A staging database: a file in a data directory of its own."""

    file: Path
    number: int = 0
    """The `user_version` of the live database after the swap: it shows that an interrupted restore can be finished."""

    @property
    def engine(self) -> Engine:
        """The library."""
        return ENGINE

    @property
    def name(self) -> str:
        """Its name in Django's settings."""
        return str(self.file)

    @property
    def variables(self) -> dict[str, str]:
        """The variables that make Django use it."""
        return {"DATA_DIRECTORY": str(self.file.parent)}

    def load(self, folder: Path, *, roles: tuple[str, ...] | None, step: Step) -> str:  # noqa: ARG002 - no roles
        """Restore it from the file of a dump. Return notes for the user."""
        step.expect(1)
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(folder / FILE, self.file)
        with _open(self.file) as connection:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if found != "ok":
                raise UnusableBackupError(f"SQLite finds the database damaged: {found}. Restore another backup.")
            connection.execute(f"PRAGMA user_version = {self.number}")
        step.advance()
        return ""

    def export(self, folder: Path) -> Path:
        """Return a copy of the file."""
        copy = folder / FILE
        _copy(self.file, copy)
        with _open(copy) as connection:
            connection.execute("PRAGMA user_version = 0")
            connection.execute("PRAGMA journal_mode = delete")  # so that opening it creates no second file
        return copy

    def inventory(self) -> DatabaseInventory:
        """Return its inventory."""
        return _inventory(self.file)


def _copy(source: Path, target: Path) -> None:
    """Copy a database into another, as one transaction of both."""
    with _open(source) as reader, _open(target) as writer:
        reader.backup(writer)


def _move(file: Path, target: Path) -> None:
    """Move the files of an unreadable database."""
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            file.with_name(f"{file.name}{suffix}").replace(target.with_name(f"{target.name}{suffix}"))


def _number(restore: str) -> int:
    return zlib.crc32(restore.encode()) & 0x7FFFFFFF


def _inventory(file: Path) -> DatabaseInventory:
    with _open(file) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        kinds = connection.execute("SELECT type || 's', count(*) FROM sqlite_schema GROUP BY 1").fetchall()
        tables = [name for name in names if not name.startswith("sqlite_")]
        rows = {name: connection.execute(f"SELECT count(*) FROM {_quoted(name)}").fetchone()[0] for name in tables}  # noqa: S608 - quoted
        sequences: dict[str, int] = {}
        if "sqlite_sequence" in names:
            sequences = dict(connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    return DatabaseInventory(
        rows=rows,
        objects=dict(kinds),
        sequences={name: SequenceBounds(before=value, after=value) for name, value in sequences.items()},
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def _open(file: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(file, timeout=BUSY_TIMEOUT_SECONDS, autocommit=True)) as connection:
            yield connection
    except sqlite3.Error as error:
        damaged = getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
        raise (DamagedError if damaged else BackupError)(f"SQLite, {file}: {error}") from None
