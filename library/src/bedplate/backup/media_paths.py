"""The files and links of the media folder, and the safe paths in a backup."""

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Final

from bedplate.backup.below import files_below
from bedplate.backup.errors import BackupError, UnusableBackupError
from bedplate.backup.manifest import MediaFile

RESTORES: Final = ".backup_system"
"""The folder for restores inside of a media folder on its own mount. It is not part of the media."""
# In bytes, the limits of Linux and its file systems.
LONGEST_NAME: Final = 255
LONGEST_PATH: Final = 4096


def list_media(root: Path) -> list[str]:
    """Return the paths of the files and symbolic links below a folder; nothing if the folder does not exist.

    Raise BackupError with the name of a folder that cannot be read: its files would be missing without notice.
    """
    return files_below(root, without=RESTORES, unreadable=_refuse_unreadable)


def _refuse_unreadable(error: OSError) -> None:
    raise BackupError(f"Media folder {shown(str(error.filename))} cannot be read: {error.strerror}.") from error


def shown(name: str) -> str:
    """Return a file's name in a printable form, whatever its bytes."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def stored_link(root: Path, name: str, target: str) -> str:
    """Return the target of a link as a backup has it: the absolute path of a medium is made relative to the link."""
    for start in (root, Path(os.path.realpath(root))):
        if Path(target).is_relative_to(start):  # the link must stay valid in any media folder
            return os.path.relpath(target, (start / name).parent)
    return target


def leads_out(name: str, target: str) -> bool:
    """Return whether a link is written so that it points outside of the media folder. Nothing is followed."""
    return os.path.normpath(os.path.join(os.path.dirname(name), target)).split("/")[0] in {"", ".."}  # noqa: PTH118, PTH120


def _leads_inside(root: Path, path: Path) -> bool:
    real, real_root = Path(os.path.realpath(path)), Path(os.path.realpath(root))
    return real.is_relative_to(real_root) and not real.is_relative_to(real_root / RESTORES)


def make_links(root: Path, links: Iterable[MediaFile], *, live: Path) -> list[str]:
    """Create the links of a backup below a new folder; return the paths of those that were left out.

    Those point outside of the folder: with them, a backup could publish other files of this machine. `live` is the
    future path of the folder.
    """
    made: dict[str, Path] = {}
    left_out: list[str] = []
    for link in links:
        path, target = root / link.path, Path(link.link or "")
        if target.is_relative_to(live):
            target = target.relative_to(live / PurePosixPath(link.path).parent, walk_up=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        if target.is_absolute() or not _leads_inside(root, path.parent):
            left_out.append(link.path)
        else:
            path.symlink_to(target)
            made[link.path] = path
    # All exist before the first is followed, as one may lead through another. Each removal may change the others.
    while leading_out := [name for name, path in made.items() if not _leads_inside(root, path)]:
        for name in leading_out:
            made.pop(name).unlink()
        left_out += leading_out
    return sorted(left_out)


def require_safe_paths(media: Iterable[MediaFile]) -> None:
    """Raise UnusableBackupError unless each path is below the media folder, unique, and not below a file or link.

    Otherwise anyone with write access to the store could write a file through a link, to any place.
    """
    files: set[PurePosixPath] = set()
    for file in media:
        path = PurePosixPath(file.path)
        _require_writable(file)
        if path.is_absolute() or ".." in path.parts or path.parts[:1] in {(), (RESTORES,)}:
            raise UnusableBackupError(
                f"The backup names a media file outside of the media folder ({shown(file.path)}). It is not restored."
            )
        if path in files:
            raise UnusableBackupError(f"The backup names the media file {shown(file.path)} twice. It is not restored.")
        files.add(path)
    for path in files:
        if through := files.intersection(path.parents):
            raise UnusableBackupError(
                f"The backup names a media file ({shown(str(path))}) below another file or link "
                f"({shown(str(through.pop()))}). It is not restored."
            )


def _require_writable(file: MediaFile) -> None:
    """Raise UnusableBackupError if no file system accepts the name, or the target of the link."""
    if not (_is_writable(file.path) and _is_writable(file.link or "")):
        raise UnusableBackupError(
            f"The backup has an invalid name of a media file ({file.path[:LONGEST_NAME]!r}). It is not restored."
        )


def _is_writable(path: str) -> bool:
    try:
        written = os.fsencode(path)
    except UnicodeEncodeError:
        return False
    longest = max(map(len, written.split(b"/")))
    return b"\0" not in written and len(written) < LONGEST_PATH and longest <= LONGEST_NAME
