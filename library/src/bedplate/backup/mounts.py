"""The mount of a folder: folders can only be renamed within one mount, and one folder can be mounted in two places."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

# The fields of a line: id, parent, device, root of the mount in its file system, mount point, … (proc(5)).
MOUNTS: Final = Path("/proc/self/mountinfo")


class Mount(NamedTuple):
    """A mount: its file system, the folder of it that is mounted, and where."""

    device: str
    root: Path
    point: Path


def mounts() -> list[Mount]:
    """Return the mounts, oldest first; an empty list if the system does not list them."""
    try:
        lines = os.fsdecode(MOUNTS.read_bytes()).splitlines()
    except FileNotFoundError:  # not Linux
        return []
    fields = (line.split(" ") for line in lines)
    return [Mount(each[2], Path(_unescaped(each[3])), Path(_unescaped(each[4]))) for each in fields]


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def share_mount(one: Path, other: Path) -> bool:
    """Return whether entries of one folder can be renamed into the other. Both are resolved; either may be missing."""
    if listed := mounts():
        return _mount_of(one, listed) == _mount_of(other, listed)
    return _existing(one).stat().st_dev == _existing(other).stat().st_dev


def mounts_below(folder: Path) -> list[Path]:
    """Return the mount points inside of a resolved folder."""
    return [mount.point for mount in mounts() if mount.point != folder and mount.point.is_relative_to(folder)]


def is_inside(path: Path, folder: Path) -> bool:
    """Return whether a path is the folder or inside of it, under any name; either may be missing.

    The names may differ: a link, or a second mount, of the folder or of one inside of it. So folders are compared by
    device and inode, and places by the mounted folder of the file system.
    """
    resolved, target = path.resolve(), folder.resolve()
    if resolved.is_relative_to(target):
        return True
    if not target.exists():
        return False
    around = [each for each in (path, *path.parents, resolved, *resolved.parents) if each.exists()]
    return any(each.samefile(target) for each in around) or _is_mounted_from(resolved, target, mounts())


def _is_mounted_from(path: Path, folder: Path, listed: Sequence[Mount]) -> bool:
    if not listed:
        return False
    (device, place), (other, around) = (_place(each, listed) for each in (path, folder))
    return device == other and place.is_relative_to(around)


def _place(path: Path, listed: Sequence[Mount]) -> tuple[str, Path]:
    mount = _mount_of(path, listed)
    return mount.device, mount.root / path.relative_to(mount.point)


def _mount_of(path: Path, listed: Sequence[Mount]) -> Mount:
    around = [mount for mount in listed if path.is_relative_to(mount.point)]
    return max(reversed(around), key=lambda mount: len(mount.point.parts), default=Mount("", Path("/"), Path("/")))


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
