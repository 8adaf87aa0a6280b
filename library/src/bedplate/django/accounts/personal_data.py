"""Export and deletion of a user's data: the signals by which an app takes part, and the archive.

An app writes receivers of these signals in a module `personal_data.py`, which is imported at the start.
"""

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from django.core.files.storage import Storage
from django.core.serializers.json import DjangoJSONEncoder
from django.dispatch import Signal

CHUNK_SIZE: Final = 256 * 1024
UNSAFE_IN_NAMES: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')

# Sent with `user` and `export`, an `Export`: add the user's data to it.
export_data = Signal()
# Sent with `user`, in the transaction of the deletion, before the user's row is deleted. Rows with a foreign key to the
# user follow its `on_delete`: a receiver deletes the rest. It removes files after the commit (`transaction.on_commit`,
# or a task), and raises `DeletionRefusedError` to keep the account.
delete_data = Signal()


class DeletionRefusedError(Exception):
    """The account cannot be deleted; the message gives the reason, for the user."""


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of the export: its name there, its storage and its name in that."""

    name: str
    storage: Storage
    stored_as: str


@dataclass
class Export:
    """The data of a user: JSON by name, and files."""

    data: dict[str, Any] = field(default_factory=dict)
    files: list[File] = field(default_factory=list)

    def add(self, name: str, value: Any) -> None:
        """Add a value to `data.json`: dictionaries, lists, texts, numbers, dates."""
        self.data[name] = value

    def add_file(self, folder: str, name: str, *, storage: Storage, stored_as: str) -> str:
        """Add a file, as `folder/name`; return its name in the archive. Names that exist, in any case, get a number."""
        path = PurePosixPath(UNSAFE_IN_NAMES.sub("_", name).strip(". ") or "file")
        used, number, unique = {file.name.casefold() for file in self.files}, 1, f"{folder}/{path}"
        while unique.casefold() in used:
            number += 1
            unique = f"{folder}/{path.stem} ({number}){path.suffix}"
        self.files.append(File(name=unique, storage=storage, stored_as=stored_as))
        return unique


def collect(user: Any) -> Export:
    """Return the data of the user, from all apps."""
    export = Export()
    export_data.send(sender=type(user), user=user, export=export)
    return export


class Output:
    """A file for `zipfile` that keeps what was written until it is taken."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Keep the data."""
        self.written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing."""

    def take(self) -> bytes:
        """Return the data since the last call."""
        data = b"".join(self.written)
        self.written.clear()
        return data


def archive(export: Export) -> Iterator[bytes]:
    """Yield the ZIP archive, in parts: it is never complete in memory or on the disk."""
    output, missing = Output(), []
    with zipfile.ZipFile(output, "w") as file:  # type: ignore[call-overload] # an output without seek() is documented
        text = json.dumps(export.data, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)
        file.writestr("data.json", text, zipfile.ZIP_DEFLATED)
        for each in export.files:
            try:
                source = each.storage.open(each.stored_as)
            except OSError:
                missing.append(each.name)
                continue
            with source, file.open(zipfile.ZipInfo(each.name), "w", force_zip64=True) as entry:
                for chunk in source.chunks(CHUNK_SIZE):
                    entry.write(chunk)
                    yield output.take()
        if missing:
            file.writestr("missing-files.txt", "\n".join(missing))
    yield output.take()
