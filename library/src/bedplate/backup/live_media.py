"""The live media folder: how another one takes its place, on whatever it is mounted, whatever interrupts that."""

import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISVTX
from typing import Final

from bedplate.backup.errors import BackupError
from bedplate.backup.media_paths import RESTORES, shown
from bedplate.backup.mounts import mounts_below, share_mount
from bedplate.backup.workplace import Workplace

MEDIA: Final = "media"
UNDOES: Final = "undoes"
"""In the folder of an undoing: the restore whose previous media become live."""
LISTED: Final = "live-media"
"""In the folder of a restore or an undoing: the paths of the media that were live just before the swap."""


@dataclass(frozen=True)
class LiveMedia:
    """The media folder, and the workplace of the installation.

    Where both are on one mount, folders are renamed. A media folder on a mount of its own stays where it is: its
    contents change places with those of folders inside of it.
    """

    root: Path
    main: Workplace

    @classmethod
    def find(cls, media: Path, workplace: Workplace) -> "LiveMedia":
        """Return the live media at MEDIA_ROOT, which may be a link."""
        return cls(Path(os.path.realpath(media)), Workplace(Path(os.path.realpath(workplace.folder))))

    @property
    def apart(self) -> bool:
        """Whether the media are on a mount of their own."""
        return not share_mount(self.root, self.main.folder) or (self.root / RESTORES).is_dir()

    @property
    def workplace(self) -> Workplace:
        """Where media are staged and kept: on the mount of the live ones."""
        return Workplace(self.root / RESTORES) if self.apart else self.main

    @property
    def workplaces(self) -> list[Workplace]:
        """Where media may be staged or kept: they may have come onto a mount of their own since."""
        return [self.workplace, self.main] if self.apart else [self.main]

    def staged(self, restore: str) -> Path:
        """Return the folder of the media that a restore prepares."""
        return self.workplace.staging(restore) / MEDIA

    def require_swappable(self) -> None:
        """Raise BackupError, saying what to do, when other media could not take the place of these."""
        if below := mounts_below(self.root):
            raise BackupError(
                f"{below[0]} is a mount inside of the media folder, whose contents a restore cannot replace. "
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
        """Prepare that the media which the restore `earlier` replaced become live."""
        found = [kept for place in self.workplaces if (kept := place.previous(earlier) / MEDIA).is_dir()]
        self.main.staging(restore).mkdir(mode=0o700)
        if found and found[0].is_relative_to(self.main.folder) and self.apart:
            copy_folder(found[0], self.staged(restore))
            return
        (self.workplace.previous(earlier) / MEDIA).mkdir(parents=True, exist_ok=True)  # there were none
        (self.main.staging(restore) / UNDOES).write_text(earlier)

    def list_live(self, restore: str) -> None:
        """Write down which media are live, before a swap: those that come meanwhile can be told from them."""
        (self.main.staging(restore) / LISTED).write_bytes(b"\0".join(map(os.fsencode, self._live())))

    def came_since(self, restore: str) -> list[str]:
        """Return the live media that the rest of the swap sets aside though they came after it had begun."""
        listed = self.main.staging(restore) / LISTED
        if not listed.is_file() or self.kept(restore).is_dir():  # without it, an earlier version began the swap
            return []
        return sorted(self._live() - set(map(os.fsdecode, listed.read_bytes().split(b"\0"))))

    def kept(self, restore: str) -> Path:
        """Return the folder of the media that a restore replaced."""
        return self.workplace.previous(restore) / MEDIA

    def swap(self, restore: str) -> None:
        """Make the prepared media live, and keep those that were. It can be called again after an interruption."""
        new = self._prepared(restore)
        if not new.is_dir():  # they are live already
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
        """Return whether prepared media are still to become live."""
        undoes = self.main.staging(restore) / UNDOES
        if undoes.is_file():
            return (self.workplace.previous(undoes.read_text()) / MEDIA).is_dir()
        return self.staged(restore).is_dir() or self.main.staging(restore).joinpath(MEDIA).is_dir()

    def _prepared(self, restore: str) -> Path:
        undoes, staged = self.main.staging(restore) / UNDOES, self.staged(restore)
        if undoes.is_file():
            return self.workplace.previous(undoes.read_text()) / MEDIA
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
        """Return the paths of the live files. Nothing new comes into a folder that cannot be read."""
        found: set[str] = set()
        for parent, folders, names in os.walk(self.root):
            if Path(parent) == self.root and RESTORES in folders:
                folders.remove(RESTORES)
            found.update(Path(parent, name).relative_to(self.root).as_posix() for name in names)
        return found

    def _entries(self, folder: Path) -> Iterator[Path]:
        return (path for path in sorted(folder.iterdir()) if path != self.root / RESTORES)


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder onto another mount; the target appears when it is whole."""
    unfinished = target.with_name(f"{MEDIA}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(source, unfinished, symlinks=True)
    unfinished.rename(target)


def _move_contents(entries: Iterator[Path], target: Path) -> None:
    for path in list(entries):
        _move(path, target / path.name)


def _move(path: Path, destination: Path) -> None:
    """Move a file or folder. What was written there meanwhile stays: folders are merged, a file gets another name."""
    if destination.is_dir() and not destination.is_symlink() and path.is_dir() and not path.is_symlink():
        _move_contents(path.iterdir(), destination)
        path.rmdir()
        return
    if os.path.lexists(destination):
        destination.rename(destination.with_name(f"{destination.name}.{secrets.token_hex(4)}"))
    path.rename(destination)


def _is_movable(path: Path, folder: Path) -> bool:
    """Return whether this process may move an entry of the folder to another one."""
    user, sticky = os.getuid(), folder.stat().st_mode & S_ISVTX
    mine = user in {0, path.lstat().st_uid, folder.stat().st_uid}
    return (not sticky or mine) and (path.is_symlink() or not path.is_dir() or os.access(path, os.W_OK))
