"""A project for one test: its database, media and backups, and the commands on them."""

import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from io import BytesIO, StringIO
from pathlib import Path
from typing import LiteralString

from bedplate.backup.commands.back_up import back_up
from bedplate.backup.commands.export import export
from bedplate.backup.commands.prune import prune
from bedplate.backup.commands.restore import Restored, restore
from bedplate.backup.commands.undo import undo
from bedplate.backup.commands.verify import verify
from bedplate.backup.configuration import Configuration
from bedplate.backup.manifest import Manifest
from bedplate.backup.media_paths import list_media
from bedplate.backup.progress import LineProgress
from bedplate.backup.retention import RetentionPlan
from bedplate.backup.session import Installation, Session
from bedplate.backup.stores import Store
from rich.console import Console

type Believe = Callable[..., None]
"""Writes the lines of `web/config/backup_signers`."""

type Configure = Callable[..., Configuration]
"""Makes a configuration from variables, in addition to those of every test."""


@dataclass(frozen=True)
class Project:
    """An installation, and its store."""

    configuration: Configuration
    store: Store
    said: StringIO = field(default_factory=StringIO)
    """The output."""
    accept_unsigned: bool = False

    @property
    def session(self) -> Session:
        """A new session, as each command has one, without state from earlier ones."""
        console = Console(file=self.said, width=250)
        return Session(self.configuration, LineProgress(console), self.store, accept_unsigned=self.accept_unsigned)

    @property
    def media(self) -> Path:
        """Django's MEDIA_ROOT, created if necessary."""
        self.configuration.media.mkdir(parents=True, exist_ok=True)
        return self.configuration.media

    @property
    def remains(self) -> list[str]:
        """The leftovers in the work directory, without the files that always stay."""
        work = self.configuration.work
        return sorted(path.name for path in work.iterdir() if path.name not in {"lock", "installation", "made.json"})

    def back_up(self) -> Manifest:
        """Make a backup, and return it."""
        return back_up(self.session)

    def restore(self, wanted: str = "latest") -> Restored:
        """Restore a backup, and return the result."""
        return restore(self.session, wanted)

    def undo(self) -> None:
        """Undo the last restore."""
        undo(self.session)

    def verify(self, wanted: str = "latest") -> Manifest:
        """Verify a backup, and return it."""
        return verify(self.session, wanted)

    def export(self, *parts: str, anonymized: bool = True) -> dict[str, bytes]:
        """Export, and return the files."""
        output = BytesIO()
        installation = Installation(self.configuration, self.session.progress)
        export(installation, output, frozenset(parts), anonymized=anonymized)
        output.seek(0)
        with tarfile.open(fileobj=output) as tar:
            return {name: _extracted(tar, name) for name in tar.getnames()}

    def prune(self) -> RetentionPlan:
        """Prune, and return the kept and removed backups."""
        return prune(self.session)

    def with_store(self, store: Store) -> "Project":
        """Return the project with another store."""
        return replace(self, store=store)


def _extracted(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    return file.read() if file else b""


type MakeProject = Callable[..., Project]
type MakeDatabase = Callable[..., str]
type Execute = Callable[[Project | str, LiteralString], None]
"""Executes SQL as the superuser, in a project's database or in another one."""


def database_file(project: Project) -> Path:
    """Return the file of an embedded project's database."""
    return project.configuration.variables.data_directory / "database.sqlite3"


def notes(project: Project) -> list[str]:
    """Return the notes in an embedded project's database."""
    with closing(sqlite3.connect(database_file(project))) as connection:
        return [note for (note,) in connection.execute("SELECT note FROM notes ORDER BY id")]


def note(project: Project, text: str) -> None:
    """Write a note into an embedded project's database."""
    with closing(sqlite3.connect(database_file(project), autocommit=True)) as connection:
        connection.execute("INSERT INTO notes (note) VALUES (?)", [text])


def files(root: Path) -> dict[str, bytes | str]:
    """Return the contents of a folder: those of files, and the targets of links."""
    return {name: _contents(root / name) for name in list_media(root)}


def _contents(path: Path) -> bytes | str:
    return str(path.readlink()) if path.is_symlink() else path.read_bytes()
