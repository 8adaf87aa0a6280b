"""SQLite, for embedded mode: its own online backup copies, in both directions, while the application runs."""

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
from bedplate.backup.manifest import Census, Engine, Sequence
from bedplate.backup.progress import Step
from bedplate.backup.workplace import PREVIOUS, STAGING, Workplace

FILE: Final = "database.sqlite3"
PATIENCE: Final = 30.0
ENGINE: Final = Engine(name="sqlite", version=sqlite3.sqlite_version)


class DamagedError(BackupError):
    """A database's file cannot be read as one."""


@dataclass(frozen=True)
class SQLite:
    """The database file in the data directory."""

    file: Path
    workplace: Workplace

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

        They are the staging database, the write-ahead log of the swap (a hundredth more), the copy that is kept of the
        live database, and what its file grows.
        """
        live = self.size()
        return size + (size + size // 100) + live + max(0, size - live)

    def close_staging(self, restore: str) -> None:
        """Do nothing: this process alone fills the staging database."""

    def size(self) -> int:
        """Return the bytes that the live database takes, with those that are only in its log yet."""
        if not self.file.exists():
            return 0
        try:
            with _open(self.file) as connection:
                query = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
                return int(connection.execute(query).fetchone()[0])
        except DamagedError:
            return self.file.stat().st_size

    def dump(self, folder: Path, *, finished: Finished, step: Step, say: Say) -> Census:  # noqa: ARG002 - there is no superuser
        """Return what the live database held at the moment that the copy in `folder` shows."""
        if not self.file.exists():
            raise BackupError(f"There is no database yet ({self.file}). Run ./install_embedded.sh first.")
        folder.mkdir(parents=True)
        step.expect(1)
        copy = folder / FILE
        _copy(self.file, copy)
        census = _census(copy)
        finished(copy)
        step.advance()
        return census

    def staging(self, restore: str) -> "StagedSQLite":
        """Return the database that a restore prepares, whether it is there yet or not."""
        return StagedSQLite(self.workplace.staging(restore) / DJANGO / FILE, number=_number(restore))

    def swap(self, restore: str) -> None:
        """Make the contents of the staging database those of the live one, in one transaction; keep what they were."""
        self._replace(self.staging(restore).file, restore)

    def swap_back(self, earlier: str, restore: str) -> None:
        """Make live what the restore `earlier` replaced, and what is live now the previous one of `restore`."""
        replaced = self._kept(earlier)
        with _open(replaced) as connection:
            connection.execute(f"PRAGMA user_version = {_number(restore)}")
        self._replace(replaced, restore)
        replaced.unlink()

    def swapped(self, restore: str) -> bool:
        """Return whether that restore got as far as the swap."""
        if not self.file.exists():
            return False
        try:
            with _open(self.file) as connection:
                return bool(connection.execute("PRAGMA user_version").fetchone() == (_number(restore),))
        except DamagedError:
            return False  # what a restore made live can be read

    def previous(self) -> list[str]:
        """Return the restores whose previous databases are kept, oldest first."""
        folders = self.workplace.folders(PREVIOUS)
        return [folder.name.removeprefix(PREVIOUS) for folder in folders if (folder / FILE).exists()]

    def drop_staging(self) -> None:
        """Remove every staging database. Their folders stay."""
        for folder in self.workplace.folders(STAGING):
            for file in (folder / DJANGO).glob(f"{FILE}*"):
                file.unlink()

    def drop_previous(self, restore: str) -> None:
        """Remove the database that a restore replaced; one that was only just set aside is live again."""
        kept = self._kept(restore)
        if self.file.exists():
            kept.unlink(missing_ok=True)
        else:
            _move(kept, self.file)

    def _kept(self, restore: str) -> Path:
        return self.workplace.previous(restore) / FILE

    def _replace(self, source: Path, restore: str) -> None:
        kept = self._kept(restore)
        kept.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._keep(kept)
        except DamagedError:
            self._set_aside(kept, source, self.workplace.staging(restore) / FILE)
        else:
            _copy(source, self.file)

    def _set_aside(self, kept: Path, source: Path, whole: Path) -> None:
        """Keep the live database as it is, once its successor is whole: a copy that was begun looks live."""
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
    """What the live database has from the swap on, so that an interrupted restore can be finished."""

    @property
    def engine(self) -> Engine:
        """The library."""
        return ENGINE

    @property
    def name(self) -> str:
        """What Django calls it."""
        return str(self.file)

    @property
    def variables(self) -> dict[str, str]:
        """The variables that make Django use it."""
        return {"DATA_DIRECTORY": str(self.file.parent)}

    def load(self, folder: Path, *, roles: tuple[str, ...] | None, step: Step) -> str:  # noqa: ARG002 - no roles
        """Make it from the file of a dump. Return what people should know of it."""
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
            connection.execute("PRAGMA journal_mode = delete")  # no second file beside it, wherever it is opened
        return copy

    def census(self) -> Census:
        """Return what it holds."""
        return _census(self.file)


def _copy(source: Path, target: Path) -> None:
    """Copy a database into another, as one transaction of both."""
    with _open(source) as reader, _open(target) as writer:
        reader.backup(writer)


def _move(file: Path, target: Path) -> None:
    """Move the files of a database that nothing can read."""
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            file.with_name(f"{file.name}{suffix}").replace(target.with_name(f"{target.name}{suffix}"))


def _number(restore: str) -> int:
    return zlib.crc32(restore.encode()) & 0x7FFFFFFF


def _census(file: Path) -> Census:
    with _open(file) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        kinds = connection.execute("SELECT type || 's', count(*) FROM sqlite_schema GROUP BY 1").fetchall()
        tables = [name for name in names if not name.startswith("sqlite_")]
        rows = {name: connection.execute(f"SELECT count(*) FROM {_quoted(name)}").fetchone()[0] for name in tables}  # noqa: S608 - quoted
        sequences: dict[str, int] = {}
        if "sqlite_sequence" in names:
            sequences = dict(connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    return Census(
        rows=rows,
        objects=dict(kinds),
        sequences={name: Sequence(before=value, after=value) for name, value in sequences.items()},
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def _open(file: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(file, timeout=PATIENCE, autocommit=True)) as connection:
            yield connection
    except sqlite3.Error as error:
        damaged = getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
        raise (DamagedError if damaged else BackupError)(f"SQLite, {file}: {error}") from None
