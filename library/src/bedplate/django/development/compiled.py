"""Compiled catalogs (`django.mo`), for Python's gettext.

https://www.gnu.org/software/gettext/manual/html_node/MO-Files.html
"""

import shutil
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from bedplate.django.development.catalog import Entry

MAGIC: Final = 0x950412DE
# Magic number, revision, number of texts, offsets of the texts and of the translations; size and offset of the hashes.
HEADER: Final = "7I"


def messages(catalog: Iterable[Entry], *, use_fuzzy: bool = False) -> dict[bytes, bytes]:
    """Return the header and the translations, in the form of a compiled catalog."""
    found = {}
    for entry in catalog:
        if "msgid" not in entry.fields:
            continue
        text = entry.text
        included = use_fuzzy or not entry.fuzzy or not text.singular  # a new header is marked as fuzzy
        if included and all(entry.translations):
            key = (f"{text.context}\x04" if text.context else "") + text.singular
            plural = f"\0{text.plural}" if text.plural else ""
            found[f"{key}{plural}".encode()] = "\0".join(entry.translations).encode()
    return found


def read(compiled: bytes) -> dict[bytes, bytes]:
    """Return the contents of a compiled catalog of either byte order; empty for other or truncated data."""
    with suppress(struct.error):
        return _read(compiled)
    return {}


def _read(compiled: bytes) -> dict[bytes, bytes]:
    for order in "<>":
        if compiled[:4] == struct.pack(f"{order}I", MAGIC):
            _, _, number, *tables = struct.unpack_from(f"{order}5I", compiled)
            keys, values = (struct.unpack_from(f"{order}{2 * number}I", compiled, table) for table in tables)
            return dict(zip(_strings(compiled, keys), _strings(compiled, values), strict=True))
    return {}


def write(translated: Mapping[bytes, bytes]) -> bytes:
    """Return the compiled catalog."""
    keys = sorted(translated)
    strings = [*keys, *(translated[key] for key in keys)]
    start = struct.calcsize(HEADER)
    place = start + 8 * len(strings)
    table = []
    for string in strings:
        table += [len(string), place]
        place += len(string) + 1
    header = struct.pack(f"<{HEADER}", MAGIC, 0, len(keys), start, start + 8 * len(keys), 0, start)
    return header + struct.pack(f"<{len(table)}I", *table) + b"".join(string + b"\0" for string in strings)


def replace(file: Path, content: bytes) -> None:
    """Write a file atomically. Its permissions remain; a symbolic link remains one."""
    file = file.resolve()
    temporary = file.with_name(f"{file.name}.new")
    try:
        temporary.write_bytes(content)
        if file.exists():
            shutil.copymode(file, temporary)
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def replace_text(file: Path, text: str) -> None:
    """Write a text atomically, with Windows' line ends if the file has them."""
    before = file.read_bytes() if file.is_file() else b""
    has_crlf = 0 < before.count(b"\n") == before.count(b"\r\n")
    replace(file, text.encode().replace(b"\n", b"\r\n" if has_crlf else b"\n"))


def _strings(compiled: bytes, table: tuple[int, ...]) -> list[bytes]:
    return [compiled[place : place + length] for length, place in zip(table[::2], table[1::2], strict=True)]
