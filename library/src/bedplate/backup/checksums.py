"""Sizes and checksums of files, read once and in pieces."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

import google_crc32c

PIECE: Final = 1 << 20


@dataclass(frozen=True)
class Checksums:
    """The size of some bytes, their SHA-256 in hexadecimal, and CRC32C in base64 as Google Cloud Storage writes it."""

    size: int
    sha256: str
    crc32c: str


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield the rest of the file, in small pieces."""
    while piece := file.read(PIECE):
        yield piece


def checksums(path: Path) -> Checksums:
    """Return the checksums of a file."""
    size, sha256, crc32c = 0, hashlib.sha256(), google_crc32c.Checksum()
    with path.open("rb") as file:
        for piece in pieces(file):
            size += len(piece)
            sha256.update(piece)
            crc32c.update(piece)
    return Checksums(size, sha256.hexdigest(), as_text(crc32c))


def crc32c_of(path: Path) -> str:
    """Return a file's CRC32C, in base64."""
    checksum = google_crc32c.Checksum()
    with path.open("rb") as file:
        for piece in pieces(file):
            checksum.update(piece)
    return as_text(checksum)


def crc32c_of_bytes(data: bytes) -> str:
    """Return the CRC32C of bytes in memory, in base64."""
    return as_text(google_crc32c.Checksum(data))


def md5_of(path: Path) -> str:
    """Return a file's MD5, in hexadecimal: Google computes it for each object, and the SHA-256 for none."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def in_a_name(size: int, crc32c: str) -> str:
    """Return a size and a CRC32C in base64 as a part of an object's name."""
    return f"{size}-{base64.b64decode(crc32c).hex()}"


def as_text(checksum: google_crc32c.Checksum) -> str:
    """Return the checksum as Google Cloud Storage writes it."""
    return base64.b64encode(checksum.digest()).decode()
