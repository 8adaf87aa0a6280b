"""Media: upload each content once to the store, and download it."""

import os
import shutil
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from stat import S_ISREG
from threading import Lock
from typing import Final

from bedplate.backup.below import Below
from bedplate.backup.checksums import Checksums, checksums, in_a_name
from bedplate.backup.encryption import SUFFIX
from bedplate.backup.errors import BackupError, ChangedError
from bedplate.backup.manifest import MediaFile, StoredFile
from bedplate.backup.media_paths import leads_out, list_media, make_links, require_safe_paths, shown, stored_link
from bedplate.backup.names import media_folder
from bedplate.backup.progress import Progress, Step
from bedplate.backup.stores import StoredObject
from bedplate.backup.transfer import THREADS, Transfer, run_parallel

# Attempts to read a file that is being written.
TRIES: Final = 5


@dataclass(frozen=True, kw_only=True)
class MediaUpload:
    """The upload of media. Content that the store already has is not sent again."""

    root: Path
    folder: str
    """The prefix of the objects' names."""
    known: dict[str, StoredObject]
    """The objects in the store, by Encryption.content_name."""
    transfer: Transfer
    scratch: Path
    say: Callable[[str], None]
    turns: dict[str, Lock] = field(default_factory=dict)
    """A lock for each content: only one thread uploads it, others with the same content wait."""

    def upload(self, name: str) -> MediaFile | None:
        """Return the file as the store holds it; None if it is gone, or not a regular file or link."""
        for _ in range(TRIES):
            try:
                return self._upload(name)
            except (FileNotFoundError, NotADirectoryError):  # a link in the place of a folder is another medium
                self.say(f"Media file {shown(name)} vanished meanwhile: left out.")
                return None
            except PermissionError as error:
                raise BackupError(f"Media file {shown(name)} cannot be read: {error.strerror}.") from error
            except ChangedError:
                continue
        raise BackupError(f"Media file {shown(name)} changes all the time: it cannot be backed up. Try again later.")

    def _upload(self, name: str) -> MediaFile | None:
        medium = Below(self.root, name)
        if (target := medium.link()) is not None:
            return MediaFile(path=name, link=self._link(name, target))
        if not S_ISREG(medium.status().st_mode):
            self.say(f"Media file {shown(name)} is a socket, a pipe or a device: left out.")
            return None
        with medium.opened() as path:
            return MediaFile(path=name, stored=self._upload_file(path))

    def _link(self, name: str, target: str) -> str:
        if leads_out(name, link := stored_link(self.root, name, target)):
            self.say(
                f"Note: media link {shown(name)} points outside of the media folder. What is there is not backed up."
            )
        return link

    def _upload_file(self, path: Path) -> StoredFile:
        found, encrypted = checksums(path), bool(self.transfer.encryption.recipients)
        content = self.transfer.encryption.content_name(found.sha256)
        with self.turns.setdefault(content, Lock()):
            known = self.known.get(content)
            if known and (encrypted or _same(known, found)):
                return StoredFile(object=known.name, size=found.size, sha256=found.sha256, stored_size=known.size)
            naming = partial(name_of_media, self.transfer, self.folder, content)
            stored = self.transfer.upload_as(path, naming, scratch=self.scratch, before=found)
            self.known[content] = StoredObject(name=stored.object, size=stored.stored_size, crc32c=None, generation="")
            return stored


def name_of_media(transfer: Transfer, folder: str, content: str, sent: Checksums) -> str:
    """Return the name of an object. If encrypted, it has the size and checksum sent, which differ each time."""
    promise = f"-{in_a_name(sent.size, sent.crc32c)}" if transfer.encryption.recipients else ""
    return f"{folder}{content}{promise}"


def known_media(listed: Iterable[StoredObject]) -> dict[str, StoredObject]:
    """Return the media in a store, by content.

    Encrypted ones that do not match their names are left out, so that they are sent again.
    """
    known = {}
    for stored in listed:
        name = stored.name.rpartition("/")[2]
        content, _, promise = name.removesuffix(SUFFIX).partition("-")
        if not promise:
            known[name] = stored
        elif promise.startswith(f"{stored.size}-") and (
            stored.crc32c is None or promise == in_a_name(stored.size, stored.crc32c)
        ):
            known[content] = stored
    return known


def _same(known: StoredObject, found: Checksums) -> bool:
    return known.size == found.size and known.crc32c in {None, found.crc32c}


def upload_media(
    root: Path, *, project: str, transfer: Transfer, scratch: Path, progress: Progress
) -> tuple[MediaFile, ...]:
    """Upload the media. Return them as the store holds them."""
    names, folder = list_media(root), media_folder(project)
    known = known_media(transfer.store.list(folder)) if names else {}
    upload = MediaUpload(root=root, folder=folder, known=known, transfer=transfer, scratch=scratch, say=progress.say)
    found: list[MediaFile] = []
    with progress.step("Back up the media") as step, ThreadPoolExecutor(THREADS) as pool:
        step.expect(len(names))
        for media in pool.map(upload.upload, names):
            step.advance()
            if media:
                found.append(media)
    return tuple(found)


def download_media(
    media: Collection[MediaFile], root: Path, *, live: Path, transfer: Transfer, step: Step
) -> list[str]:
    """Write the media below a new folder, each object fetched once. Return the paths of links that were left out.

    `live` is the future path of the folder. Raise BackupError if an object is missing or damaged, or a path is not
    safe.
    """
    require_safe_paths(media)
    root.mkdir(parents=True)
    files: dict[str, list[MediaFile]] = {}
    for file in media:
        if file.stored:
            files.setdefault(file.stored.object, []).append(file)
    step.expect(len(files))
    run_parallel(_download(copies, root, transfer, step) for copies in files.values())
    return make_links(root, [file for file in media if file.link is not None], live=live)


def _download(copies: list[MediaFile], root: Path, transfer: Transfer, step: Step) -> Callable[[], None]:
    def work() -> None:
        first, *others = (root / file.path for file in copies)
        first.parent.mkdir(parents=True, exist_ok=True)
        stored = copies[0].stored
        if stored:
            transfer.download(stored, first)
        for other in others:
            other.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(first, other)
        step.advance()

    return work


def keep_only(root: Path, kept: Collection[str]) -> int:
    """Remove all files and links below the folder except these paths. Return the number of removed ones.

    Folders that are then empty are removed too: their names may be personal data.
    """
    removed = [path for path in list_media(root) if path not in kept]
    for path in removed:
        (root / path).unlink()
    for parent, folders, _names in os.walk(root, topdown=False):
        for name in folders:
            with suppress(OSError):  # it is not empty, or it is a link
                Path(parent, name).rmdir()
    return len(removed)
