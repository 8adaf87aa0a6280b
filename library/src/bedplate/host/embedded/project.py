"""Where the parts of a checkout are, and how a change in them is noticed."""

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
        """Sass, TypeScript and React; a project may have none."""
        return self.web / "frontend"

    @property
    def built_assets(self) -> Path:
        """What Vite makes of the frontend."""
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
        """The variables of LOCAL: what identifies the project comes from here."""
        return self.root / ".env.example"

    @property
    def python_environment(self) -> Path:
        """The application's packages."""
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
        """Those packages. Made when they are first needed: the application runs without them."""
        return self.root / ".venv-embedded-backups"

    @property
    def backup_python(self) -> Path:
        """The interpreter of that environment."""
        return self.backup_environment / "bin" / "python"

    @property
    def node_environment(self) -> Path:
        """Node, where the machine has none that is new enough."""
        return self.root / ".venv-embedded-node"

    @property
    def data(self) -> Path:
        """Database, queue, caught mail, uploads."""
        return self.root / "var" / "embedded"

    @property
    def lock(self) -> Path:
        """Held while the project is being set up or runs."""
        return self.data / "lock"

    @property
    def log(self) -> Path:
        """What the tools of the last set-up printed."""
        return self.data / "install.log"


def fingerprint(paths: Iterable[Path], *more: str) -> str:
    """Return a digest of the names and contents of the files in `paths`, and of `more`."""
    digest = hashlib.sha256("\0".join(more).encode())
    for path in sorted(paths):
        digest.update(f"\0{path}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def files_below(folder: Path, *, skip: frozenset[str] = frozenset()) -> Iterator[Path]:
    """Yield the files of `folder` and of its folders, but for hidden ones and the names in `skip`."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in skip and not name.startswith(".")]
        yield from (Path(parent, name) for name in names if name not in skip and not name.startswith("."))


@dataclass(frozen=True)
class Stamp:
    """A mark inside a folder: it was completed, from sources with this key. Without it, the folder is half made."""

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
