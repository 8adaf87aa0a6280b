"""Paths of the parts of a checkout, and detection of changes in them."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Project:
    """A checkout, by its root folder."""

    root: Path

    @property
    def web(self) -> Path:
        """The Django application."""
        return self.root / "web"

    @property
    def frontend(self) -> Path:
        """The folder with Sass, TypeScript and React; a project may have none."""
        return self.web / "frontend"

    @property
    def built_assets(self) -> Path:
        """Vite's output."""
        return self.web / "static" / "dist"

    @property
    def collected_static_files(self) -> Path:
        """Django's STATIC_ROOT."""
        return self.web / "staticfiles"

    @property
    def requirements(self) -> Path:
        """The application's locked packages."""
        return self.web / "requirements.txt"

    @property
    def configuration(self) -> Path:
        """The variables of embedded mode, secrets among them."""
        return self.root / ".env.embedded"

    @property
    def example_configuration(self) -> Path:
        """The example variables of LOCAL, with the project's identity."""
        return self.root / ".env.example"

    @property
    def python_environment(self) -> Path:
        """The application's virtual environment."""
        return self.root / ".venv-embedded"

    @property
    def python(self) -> Path:
        """The interpreter of that environment."""
        return self.python_environment / "bin" / "python"

    @property
    def library(self) -> Path:
        """The folder that the package `bedplate` is imported from."""
        return self.root / "library" / "src"

    @property
    def backup_requirements(self) -> Path:
        """The locked packages of application and backup system."""
        return self.web / "requirements-cron.txt"

    @property
    def backup_environment(self) -> Path:
        """The backup system's virtual environment, created when it is first needed."""
        return self.root / ".venv-embedded-backups"

    @property
    def backup_python(self) -> Path:
        """The interpreter of that environment."""
        return self.backup_environment / "bin" / "python"

    @property
    def node_environment(self) -> Path:
        """The virtual environment with Node, if the machine has no suitable one."""
        return self.root / ".venv-embedded-node"

    @property
    def data(self) -> Path:
        """The folder with database, queue, caught mail and uploads."""
        return self.root / "var" / "embedded"

    @property
    def lock(self) -> Path:
        """The lock file, held while the project is set up or runs."""
        return self.data / "lock"

    @property
    def log(self) -> Path:
        """The output of the tools in the last set-up."""
        return self.data / "install.log"


def fingerprint(paths: Iterable[Path], *more: str) -> str:
    """Return a digest of the names and contents of the files in `paths`, and of `more`."""
    digest = hashlib.sha256("\0".join(more).encode())
    for path in sorted(paths):
        digest.update(f"\0{path}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def files_below(folder: Path, *, skip: frozenset[str] = frozenset()) -> Iterator[Path]:
    """Yield the files in `folder`, recursively, without hidden ones and the names in `skip`."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in skip and not name.startswith(".")]
        yield from (Path(parent, name) for name in names if name not in skip and not name.startswith("."))


@dataclass(frozen=True)
class Stamp:
    """A file that marks a folder as completed from sources with this key; without it, the folder is incomplete."""

    folder: Path
    key: str

    @property
    def _file(self) -> Path:
        return self.folder / ".complete"

    def is_current(self) -> bool:
        """Return whether the folder was completed from the same sources."""
        return self._file.is_file() and self._file.read_text() == self.key

    def remove(self) -> None:
        """Mark the folder as unfinished."""
        self._file.unlink(missing_ok=True)

    def write(self) -> None:
        """Mark the folder as complete."""
        self._file.write_text(self.key)
