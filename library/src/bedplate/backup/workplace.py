"""A folder of this machine's own: one writer at a time, scratch that never stays, and what restores have replaced."""

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from bedplate.backup.errors import BackupError

# Seconds that a command waits for another one: at night, one task after the other has its turn.
PATIENCE: Final = 1800
POLL_INTERVAL: Final = 0.2

SCRATCH: Final = "scratch-"
STAGING: Final = "staging-"
PREVIOUS: Final = "previous-"
# Marks in the folder of what the last restore replaced: no backup was made of that, or of what is live. They say since
# when none was made, or nothing: there never was one.
NOT_BACKED_UP: Final = "not-backed-up"
LIVE_NOT_BACKED_UP: Final = "live-not-backed-up"


@dataclass(frozen=True)
class Workplace:
    """The folder `backup_system` in the data directory.

    `staging-<id>` holds what is to become live in restore <id>, `previous-<id>` what was live before it.
    """

    folder: Path

    @contextmanager
    def alone(self, *, say: Callable[[str], None], patience: float = PATIENCE) -> Iterator[None]:
        """Work as the only one on this installation, after waiting for who does. The lock ends with its process.

        Raise BackupError after so many seconds of waiting.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "lock").open("ab") as file:
            deadline, told = time.monotonic() + patience, False
            while not _lock(file):
                if time.monotonic() >= deadline:
                    raise BackupError("Another backup or restore is running here. Wait until it ends, then try again.")
                if not told:
                    limit = f"at most {patience / 60:.0f} minutes"
                    say(f"Another backup or restore is running here: waiting for it, {limit}.")
                told = True
                time.sleep(POLL_INTERVAL)
            yield

    @property
    def installation(self) -> str:
        """The name of this installation, made once."""
        file = self.folder / "installation"
        if not file.exists():
            unfinished = self.folder / "installation.new"
            unfinished.write_text(secrets.token_hex(8))
            unfinished.replace(file)
        return file.read_text()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a folder of one's own, which is gone afterwards."""
        folder = self.folder / f"{SCRATCH}{secrets.token_hex(4)}"
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def staging(self, restore: str) -> Path:
        """Return the folder of what a restore prepares."""
        return self.folder / f"{STAGING}{restore}"

    def previous(self, restore: str) -> Path:
        """Return the folder of what a restore replaced."""
        return self.folder / f"{PREVIOUS}{restore}"

    def mark(self, restore: str, mark: str, *, since: str = "") -> None:
        """Set a mark of a restore, unless it is there, before its swap: without the swap, recovering removes it."""
        self.previous(restore).mkdir(mode=0o700, exist_ok=True)
        if self.marked_since(restore, mark) is None:
            (self.previous(restore) / mark).write_text(since)

    def marked_since(self, restore: str, mark: str) -> str | None:
        """Return what a mark of a restore says; None without it."""
        file = self.previous(restore) / mark
        return file.read_text() if file.exists() else None

    def exchange_marks(self, earlier: str, restore: str) -> None:
        """Set the marks of a restore that undoes the restore `earlier`: set aside and live change places."""
        for before, after in ((NOT_BACKED_UP, LIVE_NOT_BACKED_UP), (LIVE_NOT_BACKED_UP, NOT_BACKED_UP)):
            if (since := self.marked_since(earlier, before)) is not None:
                self.mark(restore, after, since=since)

    def unmark_live(self) -> None:
        """Remember that what is live has been backed up."""
        for folder in self.folders(PREVIOUS):
            (folder / LIVE_NOT_BACKED_UP).unlink(missing_ok=True)

    def folders(self, kind: str) -> list[Path]:
        """Return the folders of a kind, oldest first: SCRATCH, STAGING or PREVIOUS."""
        return sorted(self.folder.glob(f"{kind}*"))


def remove_folder(folder: Path, *, say: Callable[[str], None]) -> None:
    """Remove a folder, with what its owner may not read either. Tell what cannot be removed, and go on."""
    for parent, names, _ in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            if not path.is_symlink() and not os.access(path, os.R_OK | os.W_OK | os.X_OK):
                with suppress(OSError):  # another user's: told below
                    path.chmod(0o700)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        say(f"{error.filename} could not be removed ({error.strerror}): remove {folder} as root, on the machine.")


def _lock(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
