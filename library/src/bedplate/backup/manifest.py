"""What a backup consists of: the manifest, readable by all, and the contents, encrypted if the backup is.

Someone who can read the store, and has no key, learns sizes, counts and times of an encrypted backup. What else is
readable does not depend on the data:

- project, environment and version of the database, by which people choose what to restore where;
- SHA-256 and CRC32C of encrypted objects: age uses a new random key each time, so the same file never has the same;
- names of objects: numbers (Contents.dump_files), and for media an HMAC (Encryption.content_name).
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from types import UnionType
from typing import Any, ClassVar, Final, get_origin

from bedplate.backup.errors import BackupError, UnusableBackupError
from bedplate.backup.names import CONTENTS, MANIFEST, MEDIA_LIST, BackupName

FORMAT: Final = 1
FORMAT_OF_ENCRYPTED: Final = 2
"""With checksums of the encrypted objects. Release 1.0 wrote those of the files, in format 1."""
FORMATS: Final = (FORMAT, FORMAT_OF_ENCRYPTED)

# What a column of PostgreSQL, and a file of any file system, can hold. JSON has numbers without end.
LARGEST: Final = (1 << 63) - 1

CHECKSUMS: Final = ("sha256", "stored_sha256")

# `pg_dump --format=directory` and SQLite name files so; none leads out of its folder.
DUMP_FILE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.]{0,99}")

# What reading a text raises that is not what was written: no JSON, nested without end, or of other names and types.
UNREADABLE: Final = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def require_name(field_name: str, value: object) -> None:
    """Raise TypeError or ValueError unless this is a text that a file's or a role's name could be."""
    if not isinstance(value, str):
        raise TypeError(f"{field_name} is of another type")
    try:
        possible = b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise ValueError(f"{field_name} holds what no name may hold")


class _Typed:
    """A dataclass that holds values of its fields' types alone. Of collections, only the kind is looked at.

    Numbers are sizes and counts, which are not negative, unless the class says otherwise.
    """

    _possible: ClassVar[range] = range(LARGEST + 1)

    def __post_init__(self) -> None:
        for each in fields(self):  # type: ignore[arg-type] # every subclass is a dataclass
            kind: Any = each.type if isinstance(each.type, UnionType) else get_origin(each.type) or each.type
            value = getattr(self, each.name)
            if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
                raise TypeError(f"{each.name} is of another type")
            if kind is int and value not in self._possible:
                raise ValueError(f"{each.name} is no possible number")
            if isinstance(value, str):
                require_name(each.name, value)


@dataclass(frozen=True, kw_only=True)
class StoredFile(_Typed):
    """A file of the backup, and the object that holds it, which differs from it when it is encrypted.

    It has exactly one checksum. The checksum of a file lets anyone test guesses of its contents: that of an encrypted
    file is only in the encrypted contents (for media). The manifest has the checksum of the encrypted object.
    """

    object: str
    size: int
    stored_size: int
    sha256: str | None = None
    """Of the file."""
    stored_sha256: str | None = None
    """Of the encrypted object."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.sha256 is None) is (self.stored_sha256 is None):
            raise ValueError("a file has one checksum, sha256 or stored_sha256")


@dataclass(frozen=True, kw_only=True)
class Engine(_Typed):
    """The database server that a backup is from: `postgresql` or `sqlite`."""

    name: str
    version: str

    @property
    def major(self) -> int:
        """The number that decides what can be restored where."""
        return int(self.version.split(".")[0])


@dataclass(frozen=True, kw_only=True)
class Manifest(_Typed):
    """A backup, but for what its data says."""

    name: BackupName
    engine: Engine
    encrypted: bool
    database_size: int
    media_files: int
    media_size: int
    files: Mapping[str, StoredFile]
    """By their names in the backup: `database/toc.dat` (encrypted: `database/1`), `contents.json`."""

    @property
    def size(self) -> int:
        """What is stored, media included, in bytes."""
        return sum(file.stored_size for file in self.files.values()) + self.media_size

    def to_bytes(self) -> bytes:
        """Return the manifest as it is stored: JSON with a digest of itself."""
        encrypted = any(file.stored_sha256 for file in self.files.values())
        version = FORMAT_OF_ENCRYPTED if encrypted else FORMAT
        value = _as_written(self) | {"format": version, "name": str(self.name)}
        return json.dumps(value | {"digest": digest(value)}, indent=1, sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, data: bytes, *, name: BackupName) -> "Manifest":
        """Return the manifest. Raise BackupError if it is damaged, or another backup's."""
        where = name.object(MANIFEST)
        try:
            value: dict[str, Any] = json.loads(data)
            if value.pop("digest") != digest(value):
                raise BackupError(f"{where} has been changed after it was written. Restore another backup.")
            if value.pop("format") not in FORMATS:
                raise BackupError(f"{where} was written by a newer version. Update this project, then restore it.")
            if value["name"] != str(name):
                raise BackupError(f"{where} belongs to another backup, {value['name']}. Restore that one, or another.")
            files = {file: StoredFile(**stored) for file, stored in value["files"].items()}
            found = cls(**value | {"name": name, "engine": Engine(**value["engine"]), "files": files})
            _ = found.engine.major, files[CONTENTS], files[MEDIA_LIST]  # which others rely on
        except UNREADABLE as error:
            raise BackupError(f"{where} cannot be read ({error!r}). Restore another backup.") from None
        return found


def _as_written(value: "Manifest | Contents") -> dict[str, Any]:
    """Return the values of a dataclass and of those in it. Of a file's two checksums, the missing one is left out."""
    return asdict(
        value,
        dict_factory=lambda pairs: {name: each for name, each in pairs if each is not None or name not in CHECKSUMS},
    )


def digest(value: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a value, whatever the order it was written in."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class MediaFile(_Typed):
    """A media file by its path below MEDIA_ROOT: a file with contents, or a symbolic link."""

    path: str
    stored: StoredFile | None = None
    link: str | None = None


@dataclass(frozen=True, kw_only=True)
class Sequence(_Typed):
    """What a sequence was between two moments: one before the database was copied, one after."""

    # A value less its increment: that of a sequence which was never called is before its first one.
    _possible: ClassVar[range] = range(-2 * LARGEST - 2, 2 * LARGEST + 3)
    before: int
    after: int

    def admit(self, value: int) -> bool:
        """Return whether the sequence had that value at some moment in between."""
        return min(self.before, self.after) <= value <= max(self.before, self.after)


@dataclass(frozen=True, kw_only=True)
class Census(_Typed):
    """What a database holds, counted exactly, all at one moment."""

    rows: Mapping[str, int]
    sequences: Mapping[str, Sequence] = field(default_factory=dict)
    objects: Mapping[str, int] = field(default_factory=dict)
    """How many there are of each kind: indexes, constraints, functions, large objects, …"""
    roles: tuple[str, ...] = ()
    """Whom the database names: as owners, in grants and policies."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for role in self.roles:
            require_name("roles", role)

    def differences(self, restored: "Census") -> list[str]:
        """Return in what a restored database differs, in words; nothing when it holds what this one held."""
        found = [*_differences("rows of", self.rows, restored.rows), *_differences("", self.objects, restored.objects)]
        for name, bounds in self.sequences.items():
            value = restored.sequences.get(name)
            if value is None or not bounds.admit(value.after):
                found.append(f"sequence {name}: {bounds.after} before, {value.after if value else 'missing'} restored")
        return found


def _differences(what: str, before: Mapping[str, int], restored: Mapping[str, int]) -> list[str]:
    return [
        f"{what} {name}: {before.get(name, 0)} before, {restored.get(name, 0)} restored".lstrip()
        for name in sorted(before.keys() | restored.keys())
        if before.get(name, 0) != restored.get(name, 0) and name != "extensions"  # 1.0 counted those
    ]


@dataclass(frozen=True, kw_only=True)
class Contents(_Typed):
    """What the data of a backup says."""

    census: Census
    media: tuple[MediaFile, ...]
    dump_files: Mapping[str, str] = field(default_factory=dict)
    """In an encrypted backup: the names of the dump's files, by the numbers that the manifest has instead.

    pg_dump's names contain the OIDs of large objects, which an application can choose.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(map(DUMP_FILE.fullmatch, self.dump_files.values())):
            raise ValueError("dump_files has a name that no dump has")

    @property
    def media_objects(self) -> dict[str, int]:
        """The objects that the media are in, and how large they are."""
        return {media.stored.object: media.stored.stored_size for media in self.media if media.stored}

    def to_bytes(self) -> bytes:
        """Return the contents as they are stored."""
        value = _as_written(self)
        if not self.dump_files:
            del value["dump_files"]
        return json.dumps(value, indent=1).encode()

    @classmethod
    def from_bytes(cls, data: bytes, *, name: BackupName) -> "Contents":
        """Return the contents. Raise BackupError if they are none."""
        try:
            value = json.loads(data)
            census = value["census"]
            sequences = {sequence: Sequence(**bounds) for sequence, bounds in census["sequences"].items()}
            return cls(
                census=Census(**census | {"sequences": sequences, "roles": tuple(census["roles"])}),
                media=tuple(_media_file(media) for media in value["media"]),
                dump_files=value.get("dump_files", {}),
            )
        except UNREADABLE as error:
            where = name.object(CONTENTS)
            raise UnusableBackupError(f"{where} cannot be read ({error!r}). Restore another backup.") from None


def _media_file(value: dict[str, Any]) -> MediaFile:
    stored = value.pop("stored")
    file = StoredFile(**stored) if stored else None
    if file and file.sha256 is None:  # only who has read the file knows this one: see fetching.require_own_objects
        raise ValueError("a media file has no checksum of itself")
    return MediaFile(**value, stored=file)


@dataclass(frozen=True, kw_only=True)
class Verification(_Typed):
    """What the last drill on a backup found."""

    at: datetime
    passed: bool
    message: str

    def to_bytes(self) -> bytes:
        """Return the verification as it is stored."""
        return json.dumps(asdict(self) | {"at": self.at.isoformat()}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Verification | None":
        """Return the verification; None if it cannot be read, which proves nothing."""
        try:
            value = json.loads(data)
            found = cls(**value | {"at": datetime.fromisoformat(value["at"])})
        except UNREADABLE:
            return None
        return found if found.at.tzinfo else None  # without one it cannot be told how old it is
