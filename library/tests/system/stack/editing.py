"""Edits to a copy of the checkout, as an engineer's editor makes them; undone afterwards."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

# Seconds between two saves. Vite's watcher (chokidar) drops a change within 50 ms of another; people type slower.
SHORTEST_PAUSE: Final = 0.3


@contextmanager
def appended(path: Path, text: str) -> Iterator[None]:
    """Add text to the end of the file."""
    with edited(path, path.read_text() + text):
        yield


@contextmanager
def created(path: Path, content: str) -> Iterator[None]:
    """Write a file that is not there yet."""
    assert not path.exists()
    path.write_text(content)
    try:
        yield
    finally:
        path.unlink()
        time.sleep(SHORTEST_PAUSE)


@contextmanager
def replaced(path: Path, old: str, new: str) -> Iterator[None]:
    """Replace a text, which must be in the file."""
    content = path.read_text()
    assert old in content, f"{path} does not hold {old!r}"
    with edited(path, content.replace(old, new)):
        yield


@contextmanager
def edited(path: Path, content: str) -> Iterator[None]:
    """Give the file this content."""
    before = path.read_text()
    save(path, content)
    saved = time.monotonic()
    try:
        yield
    finally:
        time.sleep(max(0, SHORTEST_PAUSE - (time.monotonic() - saved)))
        save(path, before)
        time.sleep(SHORTEST_PAUSE)


def save(path: Path, content: str) -> None:
    """Write the file as most editors do: write a new file, then rename it."""
    beside = path.with_name(f".{path.name}.save")
    beside.write_text(content)
    owner = path.stat()
    os.chown(beside, owner.st_uid, owner.st_gid)
    beside.chmod(owner.st_mode)
    beside.replace(path)
