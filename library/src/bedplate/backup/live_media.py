"""The live media folder, and how to replace it on any mount, even after interruptions."""

import os
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISVTX
from typing import Final

from bedplate.backup.below import Below, files_below
from bedplate.backup.errors import BackupError
from bedplate.backup.manifest import MediaFile
from bedplate.backup.media import download_media, keep_only, upload_media
from bedplate.backup.media_paths import RESTORES, list_media, shown
from bedplate.backup.mounts import mounts_below, share_mount
from bedplate.backup.progress import Progress
from bedplate.backup.transfer import Transfer
from bedplate.backup.work_directory import PREVIOUS, STAGING, WorkDirectory

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
    def beside(self) -> Below:
        """The folder for prepared and replaced media, on the mount of the live ones."""
        return Below(self.root, RESTORES) if self.apart else Below(self.main.folder)

    @property
    def places(self) -> list[Below]:
        """The folders that may hold replaced media: they may have been moved to their own mount since."""
        return [self.beside, Below(self.main.folder)] if self.apart else [self.beside]

    @property
    def disks(self) -> tuple[Path, ...]:
        """The folders on this machine that restored media fill."""
        return (self.main.folder, self.root) if self.apart else (self.main.folder,)

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

    def link(self, name: str) -> str | None:
        """Return where a medium leads to, if it is a link."""
        return Below(self.root, name).link()

    @contextmanager
    def as_file(self, name: str, _scratch: Path) -> Iterator[Path]:
        """Yield the path of a media file. Raise FileNotFoundError, or NotADirectoryError for a link."""
        with Below(self.root, name).opened() as path:
            yield path

    def stage(self, media: Collection[MediaFile], restore: str, *, transfer: Transfer, scratch: Path) -> None:  # noqa: ARG002 - as for a bucket
        """Prepare the media of a backup. Raise BackupError if one is missing or damaged, or a path is not safe."""
        with self.progress.step("Fetch and check the media") as step:
            left_out = download_media(media, self._fetched(restore), live=self.media_root, transfer=transfer, step=step)
        for name in left_out:
            self.progress.say(f"Media link {shown(name)} points outside of the media folder: left out.")

    def keep_only(self, restore: str, kept: Collection[str]) -> int:
        """Remove all prepared media except these paths. Return the number of removed ones."""
        return keep_only(self._fetched(restore), kept)

    def hand_over(self, restore: str) -> None:
        """Copy the prepared media to the mount of the live ones: only now other services may read them."""
        if self.apart:
            with self.progress.step("Copy the media"):
                fetched = Below(self._fetched(restore))
                self._bring(fetched, restore)
                Below(fetched.root.parent, fetched.root.name).remove(say=self.progress.say)

    def unfinished(self) -> list[str]:
        """Return the restores of other machines that prepare media here: none."""
        return []

    def remove_staged(self) -> None:
        """Remove all prepared media."""
        for name in self.beside.entries():
            if name.startswith(STAGING):
                (self.beside / name).remove(say=self.progress.say)

    def forget_all_except(self, kept: Collection[str]) -> None:
        """Remove the media that restores have replaced, except those of the restores `kept`."""
        for place in self.places:
            for name in place.entries():
                if name.startswith(PREVIOUS) and name.removeprefix(PREVIOUS) not in kept:
                    (place / name).remove(say=self.progress.say)

    def _fetched(self, restore: str) -> Path:
        """Return the folder into which media are fetched: until they are anonymized, no other service may read them."""
        return self.main.staging(restore) / MEDIA

    def staged(self, restore: str) -> Below:
        """Return the folder of the media that a restore makes live."""
        return self.beside / f"{STAGING}{restore}" / MEDIA

    def _bring(self, source: Below, restore: str) -> None:
        (self.beside / f"{STAGING}{restore}").make(0o700)
        source.copy(self.staged(restore))

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
        found = [kept for place in self.places if (kept := place / f"{PREVIOUS}{earlier}" / MEDIA).is_folder()]
        self.main.staging(restore).mkdir(mode=0o700)
        if found and found[0].root == self.main.folder and self.apart:
            self._bring(found[0], restore)
            return
        self._previous(earlier).make()  # it had no media
        (self.main.staging(restore) / UNDOES).write_text(earlier)

    def list_live(self, restore: str) -> None:
        """Record which media are live before a swap, to recognize those that are added meanwhile."""
        (self.main.staging(restore) / LISTED).write_bytes(b"\0".join(map(os.fsencode, self._live())))

    def came_since(self, restore: str) -> list[str]:
        """Return the live media that were added since the swap began, and that its rest sets aside."""
        listed = self.main.staging(restore) / LISTED
        if not listed.is_file() or self._previous(restore).is_folder():
            return []
        return sorted(self._live() - set(map(os.fsdecode, listed.read_bytes().split(b"\0"))))

    def kept(self, restore: str) -> Path:
        """Return the path, for messages, of the media that a restore replaced."""
        return self._previous(restore).path

    def swap(self, restore: str) -> None:
        """Make the prepared media live, and keep those that were. Can be called again after an interruption."""
        new, kept = self._prepared(restore), self._previous(restore)
        if not new.is_folder():  # they are already live
            return
        if not kept.is_folder():
            self._set_aside(kept)
        if self.apart:
            for name in new.entries():
                (new / name).move(Below(self.root, name))
            new.remove_empty()
        else:
            new.move(self._live_folder)

    def is_pending(self, restore: str) -> bool:
        """Return whether prepared media are not live yet."""
        return self._prepared(restore).is_folder()

    def _prepared(self, restore: str) -> Below:
        undoes = self.main.staging(restore) / UNDOES
        return self._previous(undoes.read_text()) if undoes.is_file() else self.staged(restore)

    def _previous(self, restore: str) -> Below:
        return self.beside / f"{PREVIOUS}{restore}" / MEDIA

    @property
    def _live_folder(self) -> Below:
        return Below(self.root.parent, self.root.name)

    def _set_aside(self, kept: Below) -> None:
        Below(kept.root, kept.name.removesuffix(f"/{MEDIA}")).make(0o700)
        if self.apart:
            unfinished = Below(kept.root, f"{kept.name}.unfinished")
            unfinished.make()
            for path in self._entries(self.root):
                Below(self.root, path.name).move(unfinished / path.name)
            unfinished.move(kept)
        elif self.root.is_dir():
            self._live_folder.move(kept)
        else:
            kept.make()

    def _live(self) -> set[str]:
        """Return the paths of the live files. Unreadable folders are skipped: they get no new files."""
        return set(files_below(self.root, without=RESTORES, unreadable=lambda _error: None))

    def _entries(self, folder: Path) -> Iterator[Path]:
        return (path for path in sorted(folder.iterdir()) if path != self.root / RESTORES)


def _is_movable(path: Path, folder: Path) -> bool:
    """Return whether this process may move an entry of the folder to another folder."""
    user, sticky = os.getuid(), folder.stat().st_mode & S_ISVTX
    mine = user in {0, path.lstat().st_uid, folder.stat().st_uid}
    return (not sticky or mine) and (path.is_symlink() or not path.is_dir() or os.access(path, os.W_OK))
