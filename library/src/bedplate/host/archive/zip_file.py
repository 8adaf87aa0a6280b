"""A zip filled from streams, written completely or not at all, and readable only by its owner."""

import os
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EEXIST
from io import BytesIO
from pathlib import Path
from typing import IO, Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from bedplate.host.archive.search import Search, SearchedStream

EARLIEST: Final = (1980, 1, 1, 0, 0, 0)  # that a zip can name
LATEST: Final = 2107
REGULAR, LINK = 0o100000, 0o120000
COMPRESSED: Final = (".dump", ".gz", ".jpg", ".jpeg", ".mp4", ".png", ".webp", ".zip")


@dataclass(frozen=True)
class Archive:
    """A zip that is being written, with all contents in one folder."""

    zip_file: ZipFile
    folder: str
    search: Search

    def has(self, prefix: str) -> bool:
        """Return whether a file's name begins with this prefix."""
        return any(name.startswith(f"{self.folder}/{prefix}") for name in self.zip_file.namelist())

    def add_text(self, name: str, text: str) -> None:
        """Add a file."""
        self.search.look_at(name, text.encode())
        info = ZipInfo(f"{self.folder}/{name}", EARLIEST)
        info.external_attr = (REGULAR | 0o644) << 16
        self.zip_file.writestr(info, text.encode(), ZIP_DEFLATED)

    def add_tar(self, stream: IO[bytes], *, leave_out: Callable[[str], bool] = lambda _name: False) -> list[str]:
        """Add the files and links of a tar, and search them for secrets. Return the names that were left out."""
        left_out = []
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                if member.isdir() or not (member.isreg() or member.issym()):
                    continue
                if leave_out(member.name):
                    left_out.append(member.name)
                else:
                    self._add(member, tar)
        return left_out

    def _add(self, member: tarfile.TarInfo, tar: tarfile.TarFile) -> None:
        self.search.look_at_name(member.name)
        source = BytesIO(os.fsencode(member.linkname)) if member.issym() else tar.extractfile(member)
        assert source is not None  # noqa: S101 - it is a regular file
        with self.zip_file.open(self._info(member), "w", force_zip64=True) as target:
            shutil.copyfileobj(SearchedStream(source, member.name, self.search), target, 1 << 20)

    def _info(self, member: tarfile.TarInfo) -> ZipInfo:
        # Names in a zip must be UTF-8.
        name = member.name.encode(errors="surrogateescape").decode(errors="replace")
        info = ZipInfo(f"{self.folder}/{name}", _moment(member))
        info.external_attr = ((LINK if member.issym() else REGULAR) | member.mode & 0o777) << 16
        info.compress_type = ZIP_STORED if name.lower().endswith(COMPRESSED) else ZIP_DEFLATED
        info.file_size = member.size
        return info


def _moment(member: tarfile.TarInfo) -> tuple[int, int, int, int, int, int]:
    year, month, day, hour, minute, second = time.gmtime(member.mtime)[:6]
    return (year, month, day, hour, minute, second) if EARLIEST[0] <= year <= LATEST else EARLIEST


@contextmanager
def writing(output: Path, *, folder: str, search: Search) -> Iterator[Archive]:
    """Yield an archive to fill. It appears at `output` when complete; after an error, nothing does."""
    unfinished = output.with_name(f".{output.name}.{os.getpid()}.unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with ZipFile(file, "w", ZIP_DEFLATED, strict_timestamps=False) as zip_file:
                yield Archive(zip_file, folder, search)
            file.flush()
            os.fsync(file.fileno())
        if output.exists():
            raise FileExistsError(EEXIST, "it was made meanwhile", str(output))
        unfinished.rename(output)
    finally:
        unfinished.unlink(missing_ok=True)
