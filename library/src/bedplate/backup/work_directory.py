"""The work directory of this machine: its lock, scratch folders, staged data, and data that restores replaced."""

import fcntl
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from bedplate.backup.errors import BackupError

# How long a command waits for another one: at night, the tasks run one after the other.
LOCK_TIMEOUT_SECONDS: Final = 1800
POLL_SECONDS: Final = 0.2

SCRATCH: Final = "scratch-"
STAGING: Final = "staging-"
PREVIOUS: Final = "previous-"
# Marks in the folder of the last restore's previous data: that data, or the live data, is in no backup. They contain
# since when that is so; an empty one means that there never was a backup.
NOT_BACKED_UP: Final = "not-backed-up"
LIVE_NOT_BACKED_UP: Final = "live-not-backed-up"


@dataclass(frozen=True)
class WorkDirectory:
    """The folder `backup_data` in the data directory, of this package alone.

    `staging-<id>` holds the data that restore <id> makes live, `previous-<id>` the data that was live before it.
    """

    folder: Path

    @contextmanager
    def exclusive_lock(
        self, *, say: Callable[[str], None], timeout_seconds: float = LOCK_TIMEOUT_SECONDS
    ) -> Iterator[None]:
        """Hold the exclusive lock; wait up to `timeout_seconds` for it. The lock ends with its process.

        Raise BackupError when the time is over.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "lock").open("ab") as file:
            deadline, reported = time.monotonic() + timeout_seconds, False
            while not _lock(file):
                if time.monotonic() >= deadline:
                    raise BackupError("Another backup or restore is running here. Wait until it ends, then try again.")
                if not reported:
                    limit = f"at most {timeout_seconds / 60:.0f} minutes"
                    say(f"Another backup or restore is running here: waiting for it, {limit}.")
                reported = True
                time.sleep(POLL_SECONDS)
            yield

    @property
    def installation(self) -> str:
        """The name of this installation, generated once."""
        file = self.folder / "installation"
        if not file.exists():
            unfinished = self.folder / "installation.new"
            unfinished.write_text(secrets.token_hex(8))
            unfinished.replace(file)
        return file.read_text()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield a new folder, and remove it afterwards."""
        folder = self.folder / f"{SCRATCH}{secrets.token_hex(4)}"
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def staging(self, restore: str) -> Path:
        """Return the folder of the data that a restore prepares."""
        return self.folder / f"{STAGING}{restore}"

    def previous(self, restore: str) -> Path:
        """Return the folder of the data that a restore replaced."""
        return self.folder / f"{PREVIOUS}{restore}"

    def mark(self, restore: str, mark: str, *, since: str = "") -> None:
        """Set a mark of a restore, unless it exists, before its swap: without the swap, recovery removes it."""
        self.previous(restore).mkdir(mode=0o700, exist_ok=True)
        if self.marked_since(restore, mark) is None:
            (self.previous(restore) / mark).write_text(since)

    def marked_since(self, restore: str, mark: str) -> str | None:
        """Return the content of a mark of a restore; None if it is not set."""
        file = self.previous(restore) / mark
        return file.read_text() if file.exists() else None

    def exchange_marks(self, earlier: str, restore: str) -> None:
        """Set the marks of a restore that undoes the restore `earlier`: previous and live data change places."""
        for before, after in ((NOT_BACKED_UP, LIVE_NOT_BACKED_UP), (LIVE_NOT_BACKED_UP, NOT_BACKED_UP)):
            if (since := self.marked_since(earlier, before)) is not None:
                self.mark(restore, after, since=since)

    def unmark_live(self) -> None:
        """Record that the live data has been backed up."""
        for folder in self.folders(PREVIOUS):
            (folder / LIVE_NOT_BACKED_UP).unlink(missing_ok=True)

    def folders(self, kind: str) -> list[Path]:
        """Return the folders of a kind, oldest first: SCRATCH, STAGING or PREVIOUS."""
        return sorted(self.folder.glob(f"{kind}*"))


def _lock(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
