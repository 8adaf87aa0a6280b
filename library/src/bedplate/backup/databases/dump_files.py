"""The files that a dump refers to: pg_restore opens any path that `toc.dat` names.

Otherwise anyone with write access to the store could make it read this container's secrets into the database, and show
them in an error. The format is that of pg_dump's sources (pg_backup_archiver.c, pg_backup_directory.c).
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.backup.errors import BackupError, UnusableBackupError

TABLE_OF_CONTENTS: Final = "toc.dat"
COMPRESSED: Final = (".gz", ".lz4", ".zst")
LARGE_OBJECTS: Final = b"BLOBS"
DATA_FILE: Final = re.compile(rb"[0-9]+\.dat")
LARGE_OBJECTS_FILE: Final = re.compile(rb"blobs(_[0-9]+)?\.toc")
LARGE_OBJECT: Final = re.compile(rb"[0-9]+ blob_[0-9]+\.dat")
# 1.14: PostgreSQL 12 to 15; 1.15: 16; 1.16: 17 and 18.
VERSIONS: Final = {(1, 14), (1, 15), (1, 16)}
WITH_ALGORITHM: Final = (1, 15)
WITH_KIND: Final = (1, 16)
SIZE_OF_NUMBERS: Final = 4


def require_own_files(dump: Path) -> None:
    """Raise UnusableBackupError unless pg_restore will read only files of the dump, which is a folder."""
    contents = dump / TABLE_OF_CONTENTS
    if not contents.is_file():
        raise UnusableBackupError(f"The dump has no {TABLE_OF_CONTENTS}. Restore another backup.")
    for kind, name in _Reader(contents.read_bytes()).entries():
        expected = LARGE_OBJECTS_FILE if kind.split(b"\0")[0] == LARGE_OBJECTS else DATA_FILE
        if name and not expected.fullmatch(name):
            raise _foreign(name)
        if name and expected is LARGE_OBJECTS_FILE:
            _require_own_large_objects(dump / name.decode())


def _require_own_large_objects(file: Path) -> None:
    if not file.is_file():  # pg_restore would look for it under other names, as a compressed file
        raise UnusableBackupError(f"The dump has no {file.name}. Restore another backup.")
    for line in file.read_bytes().splitlines():
        if not LARGE_OBJECT.fullmatch(line):
            raise _foreign(line)


def _foreign(name: bytes) -> UnusableBackupError:
    return UnusableBackupError(
        f"The dump names a file outside of itself ({name[:200].decode(errors='replace')!r}). It is not restored."
    )


@dataclass
class _Reader:
    """Reads `toc.dat`, of pg_dump's directory format."""

    data: bytes
    position: int = 0

    def entries(self) -> list[tuple[bytes, bytes]]:
        """Return the kind of each entry, and the name of the file with its data; empty without data."""
        magic, major, minor, _revision = self._take(5), *self._take(3)
        numbers, _offsets, _format = self._take(3)
        if magic != b"PGDMP" or numbers != SIZE_OF_NUMBERS:
            raise _unreadable()
        if (major, minor) not in VERSIONS:
            raise BackupError(
                f"The dump is in pg_dump's format {major}.{minor}, unknown here. Update this project first."
            )
        version = (major, minor)
        self._take(1 if version >= WITH_ALGORITHM else 1 + SIZE_OF_NUMBERS)  # the compression
        for _part_of_the_time in range(7):
            self._number()
        for _name_of_database_and_versions in range(3):
            self._text()
        return [self._entry(version) for _ in range(self._number())]

    def _entry(self, version: tuple[int, int]) -> tuple[bytes, bytes]:
        self._number()  # of the entry
        self._number()  # whether it has data
        _table, _object, _tag, kind = (self._text() for _ in range(4))
        self._number()  # the section
        for _statement_or_place in range(6):  # define, drop, copy; schema, tablespace, access method
            self._text()
        if version >= WITH_KIND:
            self._number()
        self._text()  # the owner
        self._text()  # whether it has OIDs
        while self._text() is not None:  # what it depends on
            pass
        return kind or b"", self._text() or b""

    def _number(self) -> int:
        sign, *_ = self._take(1)
        value = int.from_bytes(self._take(SIZE_OF_NUMBERS), "little")
        return -value if sign else value

    def _text(self) -> bytes | None:
        length = self._number()
        return None if length < 0 else self._take(length)

    def _take(self, size: int) -> bytes:
        taken = self.data[self.position : self.position + size]
        if len(taken) != size:
            raise _unreadable()
        self.position += size
        return taken


def _unreadable() -> UnusableBackupError:
    return UnusableBackupError(f"The dump's {TABLE_OF_CONTENTS} cannot be read. Restore another backup.")
