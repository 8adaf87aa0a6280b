"""An outsider who can read a store, without the key: search everything for checksums of guessed contents."""

import base64
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from typing import Final

import google_crc32c
import requests
from bedplate.backup.stores.google import GoogleStore
from project import Project

LIMIT: Final = 20
PIN: Final = "4711"
PINS: Final = tuple(f"{number:04}" for number in range(10_000))
# A CRC32C in hexadecimal, as in the names of media. In a longer number it would match by chance.
SHORT: Final = re.compile(rb"(?<![0-9a-f])[0-9a-f]{8}(?![0-9a-f])")


def readable(project: Project) -> bytes:
    """Return the objects of a store, including a held lease, with their names and a bucket's metadata."""
    store = project.store
    with project.session.writing():
        found = [part for stored in store.list("") for part in (stored.name.encode(), store.read(stored.name)[0])]
        if isinstance(store, GoogleStore):
            url = f"{os.environ['STORAGE_EMULATOR_HOST']}/storage/v1/b/{store.bucket_name}/o"
            found.append(requests.get(url, timeout=LIMIT).content)
    return b"\n".join(found)


def guesses(plain: bytes, pin: str = PIN) -> Iterator[tuple[str, bytes]]:
    """Yield each PIN, and the file's content with it instead of the real one."""
    before, found, after = plain.partition(pin.encode())
    assert found
    assert pin.encode() not in after
    for guess in PINS:
        yield guess, before + guess.encode() + after


def found_by_checksum(text: bytes, candidates: Iterable[tuple[str, bytes]]) -> set[str]:
    """Return the names of the candidates whose checksum occurs anywhere in the store."""
    short, windows = set(SHORT.findall(text.lower())), {}
    for length in (8, 16, 20, 24, 28, 32, 40, 44, 64):
        windows[length] = {text[start : start + length] for start in range(len(text) - length + 1)}
    return {
        name
        for name, candidate in candidates
        if _crc32c(candidate).hex().encode() in short or any(form in windows[len(form)] for form in _written(candidate))
    }


def _written(data: bytes) -> Iterator[bytes]:
    """Yield the checksums in each notation."""
    yield base64.b64encode(_crc32c(data))
    for algorithm in ("sha256", "sha1", "md5"):
        digest = hashlib.new(algorithm, data, usedforsecurity=False).digest()
        yield from (digest, digest.hex().encode(), digest.hex().upper().encode(), base64.b64encode(digest))


def _crc32c(data: bytes) -> bytes:
    checksum: bytes = google_crc32c.Checksum(data).digest()
    return checksum
