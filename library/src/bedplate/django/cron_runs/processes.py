"""Child processes, descendants and sessions, read from /proc."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A running process: its id, its parent, and the leader of its session."""

    number: int
    parent: int
    session: int


def children(parent: int) -> set[int]:
    """Return the child processes of a process."""
    return {process.number for process in _processes() if process.parent == parent}


def descendants(ancestor: int) -> set[int]:
    """Return the child processes of a process, their child processes, and so on."""
    processes = list(_processes())
    found: set[int] = set()
    generation = {ancestor}
    while generation:
        generation = {process.number for process in processes if process.parent in generation}
        found |= generation
    return found


def session(leader: int) -> set[int]:
    """Return the processes of a session. It can have many process groups: `timeout`, for example, creates its own."""
    return {process.number for process in _processes() if process.session == leader}


def _processes() -> Iterator[Process]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            state, parent, _group, leader = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if state != "Z":
                yield Process(int(folder.name), int(parent), int(leader))
