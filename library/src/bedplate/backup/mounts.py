"""The mount of a folder: folders can only be renamed within one mount."""

import os
import re
from pathlib import Path
from typing import Final

# The fields of a line: id, parent, device, root of the mount in its file system, mount point, … (proc(5)).
MOUNTS: Final = Path("/proc/self/mountinfo")


def mount_points() -> list[Path]:
    """Return the mount points, oldest first; an empty list if the system does not list them."""
    try:
        lines = os.fsdecode(MOUNTS.read_bytes()).splitlines()
    except FileNotFoundError:  # not Linux
        return []
    return [Path(_unescaped(line.split(" ")[4])) for line in lines]


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def share_mount(one: Path, other: Path) -> bool:
    """Return whether entries of one folder can be renamed into the other. Both are resolved; either may be missing."""
    if points := mount_points():
        return _mount_of(one, points) == _mount_of(other, points)
    return _existing(one).stat().st_dev == _existing(other).stat().st_dev


def mounts_below(folder: Path) -> list[Path]:
    """Return the mount points inside of a resolved folder."""
    return [point for point in mount_points() if point != folder and point.is_relative_to(folder)]


def _mount_of(path: Path, points: list[Path]) -> Path:
    around = (point for point in points if path.is_relative_to(point))
    return max(around, key=lambda point: len(point.parts), default=Path("/"))


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
