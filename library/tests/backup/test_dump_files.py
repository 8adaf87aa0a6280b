"""Edited dumps: pg_restore reads only files of the dump."""

from collections.abc import Callable
from pathlib import Path

import pytest
from bedplate.backup.databases.dump_files import require_own_files
from bedplate.backup.databases.login import Login
from bedplate.backup.databases.staged import LiveStaging
from bedplate.backup.databases.verifier import Run, Verifier
from bedplate.backup.errors import BackupError, UnusableBackupError

OUTSIDE = b"../../../../run/secrets/secret_key"


def number(value: int) -> bytes:
    """Return a number as pg_dump writes it."""
    return bytes([value < 0]) + abs(value).to_bytes(4, "little")


def text(value: bytes | None) -> bytes:
    """Return a text, or a missing one, as pg_dump writes it."""
    return number(-1) if value is None else number(len(value)) + value


def entry(kind: bytes, file: bytes, *, minor: int) -> bytes:
    """Return an entry of the table of contents."""
    names = (b"0", b"0", b"lines", kind)
    statements = (b"", b"", b"COPY public.lines (line) FROM stdin;\n", b"public", b"", b"")
    after = number(114) if minor == 16 else b""
    return b"".join(
        (
            *(number(7), number(1), *map(text, names), number(3), *map(text, statements), after),
            *(text(b"postgres"), text(b"false"), text(b"6"), text(None), text(file)),
        )
    )


def write(folder: Path, *entries: tuple[bytes, bytes], minor: int = 16) -> Path:
    """Return a dump with these kinds of entries and their files."""
    compression = b"\3" if minor > 14 else number(1)
    head = b"PGDMP\1" + bytes([minor]) + b"\0\4\10\3" + compression + number(0) * 7
    head += text(b"site") + text(b"18.0") + text(b"18.0") + number(len(entries))
    folder.mkdir(exist_ok=True)
    (folder / "toc.dat").write_bytes(head + b"".join(entry(kind, file, minor=minor) for kind, file in entries))
    return folder


@pytest.mark.parametrize("minor", [14, 15, 16])
def test_a_dump_as_pg_dump_makes_it_is_taken(tmp_path: Path, minor: int) -> None:
    dump = write(
        tmp_path / "dump", (b"TABLE", b""), (b"TABLE DATA", b"3478.dat"), (b"BLOBS", b"blobs_3.toc"), minor=minor
    )
    (dump / "blobs_3.toc").write_bytes(b"16427 blob_16427.dat\n16428 blob_16428.dat\n")
    require_own_files(dump)


@pytest.mark.parametrize("minor", [14, 15, 16])
@pytest.mark.parametrize("kind", [b"TABLE DATA", b"BLOBS", b"BLOBS\0X", b"EXTENSION"])
def test_a_file_elsewhere_is_refused(tmp_path: Path, kind: bytes, minor: int) -> None:
    """Otherwise the application's secrets would be read into the database, and shown in the verification's message."""
    with pytest.raises(UnusableBackupError, match="outside of itself"):
        require_own_files(write(tmp_path / "dump", (kind, OUTSIDE), minor=minor))


@pytest.mark.parametrize("line", [b"1 " + OUTSIDE, b"1 /etc/passwd", b"1 blob_1.dat\n2 ../blob_2.dat", b"x"])
def test_a_large_object_elsewhere_is_refused(tmp_path: Path, line: bytes) -> None:
    dump = write(tmp_path / "dump", (b"BLOBS", b"blobs_3.toc"))
    (dump / "blobs_3.toc").write_bytes(line)
    with pytest.raises(UnusableBackupError, match="outside of itself"):
        require_own_files(dump)


def test_a_list_of_large_objects_that_cannot_be_looked_at_is_refused(tmp_path: Path) -> None:
    """pg_dump never compresses it, but pg_restore would read it."""
    dump = write(tmp_path / "dump", (b"BLOBS", b"blobs_3.toc"))
    (dump / "blobs_3.toc.zst").write_bytes(b"")
    with pytest.raises(UnusableBackupError, match=r"has no blobs_3\.toc"):
        require_own_files(dump)
    with pytest.raises(UnusableBackupError, match="outside of itself"):  # not even under the name of a table's file
        require_own_files(write(dump, (b"BLOBS", b"3.dat")))


def test_a_table_of_contents_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    dump = write(tmp_path / "dump", (b"TABLE DATA", b"1.dat"))
    whole = (dump / "toc.dat").read_bytes()
    for size in range(len(whole)):
        (dump / "toc.dat").write_bytes(whole[:size])
        with pytest.raises(BackupError):
            require_own_files(dump)
    (dump / "toc.dat").rename(dump / "toc.dat.gz")  # pg_restore would read that
    with pytest.raises(UnusableBackupError, match=r"has no toc\.dat"):
        require_own_files(dump)


def test_another_version_says_nothing_about_the_backup(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"format 1\.17") as caught:
        require_own_files(write(tmp_path / "dump", minor=17))
    assert not isinstance(caught.value, UnusableBackupError)


LOGIN = Login(host="/nowhere", port=5432, user="nobody", password="")


@pytest.mark.parametrize(
    "database",
    [
        lambda _folder: LiveStaging(LOGIN, "site", lambda _server, _name, _template: []),
        lambda folder: Verifier(LOGIN, "site", Run(folder, "run", 0), lambda: None),
    ],
)
def test_every_restore_looks_first(tmp_path: Path, database: Callable[[Path], LiveStaging | Verifier]) -> None:
    """The files are checked before a server is accessed."""
    dump = write(tmp_path / "dump", (b"TABLE DATA", OUTSIDE))
    with pytest.raises(UnusableBackupError, match="outside of itself"):
        database(tmp_path).load(dump, roles=None, step=None)  # type: ignore[arg-type] # never reached
