"""The live media folder, and how to replace it on any mount, even after interruptions."""

import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISVTX
from typing import Final

from bedplate.backup.errors import BackupError
from bedplate.backup.manifest import MediaFile
from bedplate.backup.media import download_media, keep_only, upload_media
from bedplate.backup.media_paths import RESTORES, list_media, shown
from bedplate.backup.mounts import mounts_below, share_mount
from bedplate.backup.progress import Progress
from bedplate.backup.transfer import Transfer
from bedplate.backup.work_directory import PREVIOUS, STAGING, WorkDirectory, remove_folder

MEDIA: Final = "media"
UNDOES: Final = "undoes"
"""A file in the folder of an undo: the restore whose previous media become live."""
LISTED: Final = "live-media"
"""A file in the folder of a restore or an undo: the paths of the media that were live just before the swap."""


@dataclass(frozen=True)
class LiveMedia:
    """The media folder, and the work directory of the installation.

    If both are on one mount, folders are renamed. A media folder on its own mount stays in place: its contents are
    swapped with those of folders inside of it.
    """

    root: Path
    main: WorkDirectory
    media_root: Path
    """Django's MEDIA_ROOT, which may be a link to `root`."""
    progress: Progress

    @classmethod
    def find(cls, media: Path, work_directory: WorkDirectory, progress: Progress) -> "LiveMedia":
        """Return the live media at MEDIA_ROOT."""
        main = WorkDirectory(Path(os.path.realpath(work_directory.folder)))
        return cls(Path(os.path.realpath(media)), main, media, progress)

    @property
    def apart(self) -> bool:
        """True if the media are on their own mount."""
        return not share_mount(self.root, self.main.folder) or (self.root / RESTORES).is_dir()

    @property
    def work_directory(self) -> WorkDirectory:
        """The work directory for staged and previous media, on the mount of the live ones."""
        return WorkDirectory(self.root / RESTORES) if self.apart else self.main

    @property
    def work_directories(self) -> list[WorkDirectory]:
        """The work directories that may hold media: they may have been moved to their own mount since."""
        return [self.work_directory, self.main] if self.apart else [self.main]

    @property
    def disk(self) -> Path:
        """The folder on this machine that restored media fill."""
        return self.root if self.apart else self.main.folder

    def exclusively(self) -> AbstractContextManager[object]:
        """Return a context that does nothing: the lock of the work directory is enough."""
        return nullcontext()

    def back_up(self, *, project: str, transfer: Transfer, scratch: Path) -> tuple[MediaFile, ...]:
        """Upload the media to the store of the backups. Return them as the store holds them."""
        progress = self.progress
        return upload_media(self.media_root, project=project, transfer=transfer, scratch=scratch, progress=progress)

    def names(self) -> list[str]:
        """Return the paths of the media."""
        return list_media(self.media_root)

    @contextmanager
    def as_file(self, name: str, _scratch: Path) -> Iterator[Path]:
        """Yield the path of a media file."""
        yield self.media_root / name

    def stage(self, media: Collection[MediaFile], restore: str, *, transfer: Transfer, scratch: Path) -> None:  # noqa: ARG002 - as for a bucket
        """Prepare the media of a backup. Raise BackupError if one is missing or damaged, or a path is not safe."""
        with self.progress.step("Fetch and check the media") as step:
            left_out = download_media(media, self.staged(restore), live=self.media_root, transfer=transfer, step=step)
        for name in left_out:
            self.progress.say(f"Media link {shown(name)} points outside of the media folder: left out.")

    def keep_only(self, restore: str, kept: Collection[str]) -> int:
        """Remove all prepared media except these paths. Return the number of removed ones."""
        return keep_only(self.staged(restore), kept)

    def unfinished(self) -> list[str]:
        """Return the restores of other machines that prepare media here: none."""
        return []

    def remove_staged(self) -> None:
        """Remove all prepared media."""
        for folder in self.work_directory.folders(STAGING):
            remove_folder(folder, say=self.progress.say)

    def forget_all_except(self, kept: Collection[str]) -> None:
        """Remove the media that restores have replaced, except those of the restores `kept`."""
        for work_directory in self.work_directories:
            for folder in work_directory.folders(PREVIOUS):
                if folder.name.removeprefix(PREVIOUS) not in kept:
                    remove_folder(folder, say=self.progress.say)

    def staged(self, restore: str) -> Path:
        """Return the folder of the media that a restore prepares."""
        return self.work_directory.staging(restore) / MEDIA

    def require_swappable(self) -> None:
        """Raise BackupError with advice if the media cannot be replaced."""
        if below := mounts_below(self.root):
            raise BackupError(
                f"{below[0]} is a mount inside of the media folder. A restore cannot replace its contents. "
                f"Mount {self.root} as a whole, or unmount that first."
            )
        folder = self.root if self.apart else self.root.parent
        stuck = [] if os.access(folder, os.W_OK | os.X_OK) else [self.root]
        if not stuck and self.root.is_dir():
            moved = list(self._entries(self.root)) if self.apart else [self.root]
            stuck = [path for path in moved if not _is_movable(path, folder)]
        if stuck:
            raise BackupError(
                f"{shown(str(stuck[0]))} cannot be replaced: it belongs to another user, or is mounted read-only. "
                f"Make it writable for user {os.getuid()} (chown, as root on the machine)."
            )

    def begin_undoing(self, earlier: str, restore: str) -> None:
        """Prepare to make the media that the restore `earlier` replaced live again."""
        found = [kept for place in self.work_directories if (kept := place.previous(earlier) / MEDIA).is_dir()]
        self.main.staging(restore).mkdir(mode=0o700)
        if found and found[0].is_relative_to(self.main.folder) and self.apart:
            copy_folder(found[0], self.staged(restore))
            return
        (self.work_directory.previous(earlier) / MEDIA).mkdir(parents=True, exist_ok=True)  # it had no media
        (self.main.staging(restore) / UNDOES).write_text(earlier)

    def list_live(self, restore: str) -> None:
        """Record which media are live before a swap, to recognize those that are added meanwhile."""
        (self.main.staging(restore) / LISTED).write_bytes(b"\0".join(map(os.fsencode, self._live())))

    def came_since(self, restore: str) -> list[str]:
        """Return the live media that were added since the swap began, and that its rest sets aside."""
        listed = self.main.staging(restore) / LISTED
        if not listed.is_file() or self.kept(restore).is_dir():  # without it, an earlier version began the swap
            return []
        return sorted(self._live() - set(map(os.fsdecode, listed.read_bytes().split(b"\0"))))

    def kept(self, restore: str) -> Path:
        """Return the folder of the media that a restore replaced."""
        return self.work_directory.previous(restore) / MEDIA

    def swap(self, restore: str) -> None:
        """Make the prepared media live, and keep those that were. Can be called again after an interruption."""
        new = self._prepared(restore)
        if not new.is_dir():  # they are already live
            return
        kept = self.kept(restore)
        if not kept.is_dir():
            self._set_aside(kept)
        if self.apart:
            _move_contents(self._entries(new), self.root)
            new.rmdir()
        else:
            _move(new, self.root)

    def is_pending(self, restore: str) -> bool:
        """Return whether prepared media are not live yet."""
        undoes = self.main.staging(restore) / UNDOES
        if undoes.is_file():
            return (self.work_directory.previous(undoes.read_text()) / MEDIA).is_dir()
        return self.staged(restore).is_dir() or self.main.staging(restore).joinpath(MEDIA).is_dir()

    def _prepared(self, restore: str) -> Path:
        undoes, staged = self.main.staging(restore) / UNDOES, self.staged(restore)
        if undoes.is_file():
            return self.work_directory.previous(undoes.read_text()) / MEDIA
        elsewhere = self.main.staging(restore) / MEDIA
        if self.apart and elsewhere.is_dir():  # an earlier version staged them there, and could not swap them
            copy_folder(elsewhere, staged)
            shutil.rmtree(elsewhere)
        return staged

    def _set_aside(self, kept: Path) -> None:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.apart:
            unfinished = kept.with_name(f"{MEDIA}.unfinished")
            unfinished.mkdir(exist_ok=True)
            _move_contents(self._entries(self.root), unfinished)
            unfinished.rename(kept)
        elif self.root.is_dir():
            self.root.rename(kept)
        else:
            kept.mkdir()

    def _live(self) -> set[str]:
        """Return the paths of the live files. Unreadable folders are skipped: they get no new files."""
        found: set[str] = set()
        for parent, folders, names in os.walk(self.root):
            if Path(parent) == self.root and RESTORES in folders:
                folders.remove(RESTORES)
            found.update(Path(parent, name).relative_to(self.root).as_posix() for name in names)
        return found

    def _entries(self, folder: Path) -> Iterator[Path]:
        return (path for path in sorted(folder.iterdir()) if path != self.root / RESTORES)


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder to another mount; the target appears when it is complete."""
    unfinished = target.with_name(f"{MEDIA}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(source, unfinished, symlinks=True)
    unfinished.rename(target)


def _move_contents(entries: Iterator[Path], target: Path) -> None:
    for path in list(entries):
        _move(path, target / path.name)


def _move(path: Path, destination: Path) -> None:
    """Move a file or folder. Keep new files at the destination: merge folders, rename a file."""
    if destination.is_dir() and not destination.is_symlink() and path.is_dir() and not path.is_symlink():
        _move_contents(path.iterdir(), destination)
        path.rmdir()
        return
    if os.path.lexists(destination):
        destination.rename(destination.with_name(f"{destination.name}.{secrets.token_hex(4)}"))
    path.rename(destination)


def _is_movable(path: Path, folder: Path) -> bool:
    """Return whether this process may move an entry of the folder to another folder."""
    user, sticky = os.getuid(), folder.stat().st_mode & S_ISVTX
    mine = user in {0, path.lstat().st_uid, folder.stat().st_uid}
    return (not sticky or mine) and (path.is_symlink() or not path.is_dir() or os.access(path, os.W_OK))
