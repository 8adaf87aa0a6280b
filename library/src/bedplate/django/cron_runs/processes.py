"""The processes that this one, and what it started, have started: from /proc."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process that has not ended, its parent, and the first process of its session."""

    number: int
    parent: int
    session: int


def children(parent: int) -> set[int]:
    """Return the processes whose parent is the given one."""
    return {process.number for process in _processes() if process.parent == parent}


def descendants(ancestor: int) -> set[int]:
    """Return the processes that a process started, those that they started, and so on."""
    processes = list(_processes())
    found: set[int] = set()
    generation = {ancestor}
    while generation:
        generation = {process.number for process in processes if process.parent in generation}
        found |= generation
    return found


def session(leader: int) -> set[int]:
    """Return the processes of a session. Its groups may be many: `timeout`, for one, makes its own."""
    return {process.number for process in _processes() if process.session == leader}


def _processes() -> Iterator[Process]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            state, parent, _group, leader = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if state != "Z":
                yield Process(int(folder.name), int(parent), int(leader))
