"""Edits to a copy of the checkout, as an engineer's editor makes them; undone afterwards."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def appended(path: Path, text: str) -> Iterator[None]:
    """Add text to the end of the file."""
    with edited(path, path.read_text() + text):
        yield


@contextmanager
def replaced(path: Path, old: str, new: str) -> Iterator[None]:
    """Put a new text in the place of an old one, which must be in the file."""
    content = path.read_text()
    assert old in content, f"{path} does not hold {old!r}"
    with edited(path, content.replace(old, new)):
        yield


@contextmanager
def edited(path: Path, content: str) -> Iterator[None]:
    """Give the file this content."""
    before = path.read_text()
    save(path, content)
    try:
        yield
    finally:
        save(path, before)


def save(path: Path, content: str) -> None:
    """Write the file as most editors do: beside it, then in its place."""
    beside = path.with_name(f".{path.name}.save")
    beside.write_text(content)
    owner = path.stat()
    os.chown(beside, owner.st_uid, owner.st_gid)
    beside.chmod(owner.st_mode)
    beside.replace(path)
