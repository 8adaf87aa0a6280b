"""The two descriptions of a backup: the manifest, readable by all, and the contents, encrypted if the backup is.

With access to the store but without the key, one learns sizes, counts and times of an encrypted backup. Everything else
that is readable does not depend on the data:

- project, environment and version of the database, which are needed to choose a backup;
- SHA-256 and CRC32C of encrypted objects: age uses a new random key each time, so they never repeat for a file;
- names of objects: numbers (BackupContents.dump_files), and for media an HMAC (Encryption.content_name).
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from types import UnionType
from typing import Any, ClassVar, Final, get_origin

from bedplate.backup.errors import BackupError, UnusableBackupError
from bedplate.backup.names import CONTENTS, MANIFEST, MEDIA_LIST, BackupName

FORMAT: Final = 1
FORMAT_OF_ENCRYPTED: Final = 2
"""With checksums of the encrypted objects. Release 1.0 wrote those of the files, in format 1."""
FORMAT_OF_COPIES: Final = 3
"""With the MD5 of media that were in a bucket."""
FORMATS: Final = (FORMAT, FORMAT_OF_ENCRYPTED, FORMAT_OF_COPIES)

# The largest integer of PostgreSQL, and the largest size of any file. JSON has no limit.
LARGEST: Final = (1 << 63) - 1

CHECKSUMS: Final = ("sha256", "stored_sha256", "md5")

# The names that `pg_dump --format=directory` and SQLite use; none leads out of its folder.
DUMP_FILE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.]{0,99}")

# The errors of reading other text than was written: not JSON, nested too deeply, or with other names and types.
UNREADABLE: Final = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def require_name(field_name: str, value: object) -> None:
    """Raise TypeError or ValueError unless the value is a possible name of a file or a role."""
    if not isinstance(value, str):
        raise TypeError(f"{field_name} has another type")
    try:
        possible = b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise ValueError(f"{field_name} has a character that no name may have")


class Typed:
    """A dataclass that checks the types of its fields. Of collections, only the type itself is checked.

    Numbers are sizes and counts, which are not negative, unless the class sets another range.
    """

    _possible: ClassVar[range] = range(LARGEST + 1)

    def __post_init__(self) -> None:
        for each in fields(self):  # type: ignore[arg-type] # every subclass is a dataclass
            kind: Any = each.type if isinstance(each.type, UnionType) else get_origin(each.type) or each.type
            value = getattr(self, each.name)
            if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
                raise TypeError(f"{each.name} has another type")
            if kind is int and value not in self._possible:
                raise ValueError(f"{each.name} is out of range")
            if isinstance(value, str):
                require_name(each.name, value)


@dataclass(frozen=True, kw_only=True)
class StoredFile(Typed):
    """A file of the backup, and the object that holds it, which differs from it when it is encrypted.

    It has exactly one checksum. With a file's checksum, anyone can test guesses of its contents. So that of an
    encrypted file is only in the encrypted contents (for media); the manifest has the checksum of the encrypted object.
    """

    object: str
    size: int
    stored_size: int
    sha256: str | None = None
    """The checksum of the file."""
    stored_sha256: str | None = None
    """The checksum of the encrypted object."""
    md5: str | None = None
    """The checksum of a media file that was in a bucket, as the bucket reported it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if sum(getattr(self, name) is not None for name in CHECKSUMS) != 1:
            raise ValueError(f"a file has one checksum: {', '.join(CHECKSUMS)}")


@dataclass(frozen=True, kw_only=True)
class Engine(Typed):
    """The database engine of a backup: `postgresql` or `sqlite`."""

    name: str
    version: str

    @property
    def major(self) -> int:
        """The major version, which decides where a backup can be restored."""
        return int(self.version.split(".")[0])


@dataclass(frozen=True, kw_only=True)
class Manifest(Typed):
    """The description of a backup, without anything from its data."""

    name: BackupName
    engine: Engine
    encrypted: bool
    database_size: int
    media_files: int
    media_size: int
    files: Mapping[str, StoredFile]
    """By their names in the backup: `database/toc.dat` (encrypted: `database/1`), `contents.json`."""
    media_from_bucket: bool = False
    """True if the media were in a bucket: earlier releases cannot read such a backup."""

    @property
    def size(self) -> int:
        """The stored size, including media, in bytes."""
        return sum(file.stored_size for file in self.files.values()) + self.media_size

    @property
    def sha256(self) -> str:
        """The SHA-256 of the manifest as it is stored."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """Return the manifest as it is stored: JSON with a digest of itself."""
        encrypted = any(file.stored_sha256 for file in self.files.values())
        version = FORMAT_OF_COPIES if self.media_from_bucket else FORMAT_OF_ENCRYPTED if encrypted else FORMAT
        value = _as_written(self) | {"format": version, "name": str(self.name)}
        if not self.media_from_bucket:
            del value["media_from_bucket"]
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
            if any(file.md5 is not None for file in files.values()):
                raise ValueError("only media are known by their MD5")
            found = cls(**value | {"name": name, "engine": Engine(**value["engine"]), "files": files})
            _ = found.engine.major, files[CONTENTS], files[MEDIA_LIST]  # other code relies on these
        except UNREADABLE as error:
            raise BackupError(f"{where} cannot be read ({error!r}). Restore another backup.") from None
        return found


def _as_written(value: "Manifest | BackupContents") -> dict[str, Any]:
    """Return the values of a dataclass and its nested ones, without the missing ones of a file's checksums."""
    return asdict(
        value,
        dict_factory=lambda pairs: {name: each for name, each in pairs if each is not None or name not in CHECKSUMS},
    )


def digest(value: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class MediaFile(Typed):
    """A media file by its path below MEDIA_ROOT: a file with contents, or a symbolic link."""

    path: str
    stored: StoredFile | None = None
    link: str | None = None


@dataclass(frozen=True, kw_only=True)
class SequenceBounds(Typed):
    """The values of a sequence before and after the database was copied."""

    # A value minus its increment: an unused sequence counts as one step before its first value.
    _possible: ClassVar[range] = range(-2 * LARGEST - 2, 2 * LARGEST + 3)
    before: int
    after: int

    def admit(self, value: int) -> bool:
        """Return whether the sequence can have had that value in between."""
        return min(self.before, self.after) <= value <= max(self.before, self.after)


@dataclass(frozen=True, kw_only=True)
class DatabaseInventory(Typed):
    """The inventory of a database: exact counts at one moment."""

    rows: Mapping[str, int]
    sequences: Mapping[str, SequenceBounds] = field(default_factory=dict)
    objects: Mapping[str, int] = field(default_factory=dict)
    """The number of objects of each kind: indexes, constraints, functions, large objects, …"""
    roles: tuple[str, ...] = ()
    """The roles that the database refers to: as owners, in grants and policies."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for role in self.roles:
            require_name("roles", role)

    def differences(self, restored: "DatabaseInventory") -> list[str]:
        """Return the differences of a restored database, in words."""
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
class BackupContents(Typed):
    """The description of a backup's data."""

    inventory: DatabaseInventory
    media: tuple[MediaFile, ...]
    dump_files: Mapping[str, str] = field(default_factory=dict)
    """In an encrypted backup: the names of the dump's files, by their numbers in the manifest.

    pg_dump's names contain the OIDs of large objects, which an application can choose.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(map(DUMP_FILE.fullmatch, self.dump_files.values())):
            raise ValueError("dump_files has an invalid name")

    @property
    def media_objects(self) -> dict[str, int]:
        """The objects of the media, with their sizes."""
        return {media.stored.object: media.stored.stored_size for media in self.media if media.stored}

    def to_bytes(self) -> bytes:
        """Return the contents as they are stored."""
        value = _as_written(self)
        value = {"census": value.pop("inventory")} | value  # the key of all releases
        if not self.dump_files:
            del value["dump_files"]
        return json.dumps(value, indent=1).encode()

    @classmethod
    def from_bytes(cls, data: bytes, *, name: BackupName) -> "BackupContents":
        """Return the contents. Raise UnusableBackupError if they cannot be read."""
        try:
            value = json.loads(data)
            inventory = value["census"]
            sequences = {sequence: SequenceBounds(**bounds) for sequence, bounds in inventory["sequences"].items()}
            return cls(
                inventory=DatabaseInventory(**inventory | {"sequences": sequences, "roles": tuple(inventory["roles"])}),
                media=tuple(_media_file(media) for media in value["media"]),
                dump_files=value.get("dump_files", {}),
            )
        except UNREADABLE as error:
            where = name.object(CONTENTS)
            raise UnusableBackupError(f"{where} cannot be read ({error!r}). Restore another backup.") from None


def _media_file(value: dict[str, Any]) -> MediaFile:
    stored = value.pop("stored")
    file = StoredFile(**stored) if stored else None
    if file and file.stored_sha256 is not None:  # only a reader of the file knows it: see fetching.require_own_objects
        raise ValueError("a media file has no checksum of its own")
    return MediaFile(**value, stored=file)
