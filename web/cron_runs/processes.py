"""The processes that others started, from /proc."""

from contextlib import suppress
from pathlib import Path


def children(parent: int) -> set[int]:
    """Return the processes whose parent is the given one, those that have ended left out."""
    return {process for process, its_parent in _parents().items() if its_parent == parent}


def descendants(ancestor: int) -> set[int]:
    """Return the processes that a process started, those started them, and so on."""
    parents = _parents()
    found: set[int] = set()
    generation = {ancestor}
    while generation:
        generation = {process for process, parent in parents.items() if parent in generation}
        found |= generation
    return found


def _parents() -> dict[int, int]:
    """Return each process's parent."""
    parents = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            state, parent = (process / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(process.name)] = int(parent)
    return parents
