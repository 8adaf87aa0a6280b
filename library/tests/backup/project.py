"""A project of a test's own: its database, media and backups, and what can be done with them."""

import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from io import BytesIO, StringIO
from pathlib import Path
from typing import LiteralString

from bedplate.backup.configuration import Configuration
from bedplate.backup.manifest import Manifest
from bedplate.backup.media_paths import list_media
from bedplate.backup.progress import LineProgress
from bedplate.backup.retention import Plan
from bedplate.backup.session import Installation, Session
from bedplate.backup.stores import Store
from bedplate.backup.verbs.back_up import back_up
from bedplate.backup.verbs.export import export
from bedplate.backup.verbs.prune import prune
from bedplate.backup.verbs.restore import Restored, restore
from bedplate.backup.verbs.undo import undo
from bedplate.backup.verbs.verify import verify
from rich.console import Console

type Configure = Callable[..., Configuration]
"""Makes a configuration of variables, beside those of every test."""


@dataclass(frozen=True)
class Project:
    """An installation, and the store that it backs up to."""

    configuration: Configuration
    store: Store
    said: StringIO = field(default_factory=StringIO)
    """What was shown to people."""

    @property
    def session(self) -> Session:
        """A session as a command has it: one that knows nothing from earlier ones."""
        console = Console(file=self.said, width=250)
        return Session(self.configuration, LineProgress(console), self.store)

    @property
    def media(self) -> Path:
        """Django's MEDIA_ROOT, made if need be."""
        self.configuration.media.mkdir(parents=True, exist_ok=True)
        return self.configuration.media

    @property
    def remains(self) -> list[str]:
        """What lies in the workplace, but for what stays there for good."""
        work = self.configuration.work
        return sorted(path.name for path in work.iterdir() if path.name not in {"lock", "installation"})

    def back_up(self) -> Manifest:
        """Return the backup that was made."""
        return back_up(self.session)

    def restore(self, wanted: str = "latest") -> Restored:
        """Return what was restored."""
        return restore(self.session, wanted)

    def undo(self) -> None:
        """Bring back what was replaced."""
        undo(self.session)

    def verify(self, wanted: str = "latest") -> Manifest:
        """Return the backup that was proven."""
        return verify(self.session, wanted)

    def export(self, *parts: str, anonymised: bool = True) -> dict[str, bytes]:
        """Return the files of an export."""
        output = BytesIO()
        installation = Installation(self.configuration, self.session.progress)
        export(installation, output, frozenset(parts), anonymised=anonymised)
        output.seek(0)
        with tarfile.open(fileobj=output) as tar:
            return {name: _extracted(tar, name) for name in tar.getnames()}

    def prune(self) -> Plan:
        """Return what was kept and removed."""
        return prune(self.session)

    def with_store(self, store: Store) -> "Project":
        """Return the project with its backups elsewhere."""
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
    """Return what an embedded project's database says."""
    with closing(sqlite3.connect(database_file(project))) as connection:
        return [note for (note,) in connection.execute("SELECT note FROM notes ORDER BY id")]


def note(project: Project, text: str) -> None:
    """Write into an embedded project's database."""
    with closing(sqlite3.connect(database_file(project), autocommit=True)) as connection:
        connection.execute("INSERT INTO notes (note) VALUES (?)", [text])


def files(root: Path) -> dict[str, bytes | str]:
    """Return what lies in a folder: the contents of files, the targets of links."""
    return {name: _contents(root / name) for name in list_media(root)}


def _contents(path: Path) -> bytes | str:
    return str(path.readlink()) if path.is_symlink() else path.read_bytes()
