"""The files that people uploaded: into the store once each, by what they contain, and back."""

import os
import shutil
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from backup_system.checksums import checksums
from backup_system.errors import BackupError
from backup_system.manifest import MediaFile, StoredFile
from backup_system.names import media_folder
from backup_system.progress import Step
from backup_system.transfer import THREADS, Transfer, side_by_side


def list_media(root: Path) -> list[str]:
    """Return the paths of the files and symbolic links below a folder; none if there is no such folder."""
    found = []
    for parent, folders, names in os.walk(root):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        found += [Path(parent, name).relative_to(root).as_posix() for name in (*names, *links)]
    return sorted(found)


def upload_media(
    root: Path, *, project: str, transfer: Transfer, step: Step, say: Callable[[str], None]
) -> tuple[MediaFile, ...]:
    """Return the media as the store holds them; what it has already is not sent again."""
    paths = list_media(root)
    step.expect(len(paths))
    folder = media_folder(project)
    known = {stored.name: stored.size for stored in transfer.store.list(folder)} if paths else {}

    def upload(path: str) -> MediaFile | None:
        try:
            return _upload(root / path, path, folder=folder, known=known, transfer=transfer)
        except FileNotFoundError:
            say(f"Media file {path} vanished meanwhile: left out.")
            return None
        finally:
            step.advance()

    with ThreadPoolExecutor(THREADS) as pool:
        return tuple(media for media in pool.map(upload, paths) if media)


def _upload(path: Path, name: str, *, folder: str, known: dict[str, int], transfer: Transfer) -> MediaFile | None:
    if path.is_symlink():
        return MediaFile(path=name, link=str(path.readlink()))
    if not path.is_file():  # a socket, a pipe: nothing that could be kept
        return None
    found = checksums(path)
    stored_as = f"{folder}{found.sha256}{transfer.encryption.suffix}"
    size = known.get(stored_as)
    if size is not None and (transfer.encryption.recipients or size == found.size):
        stored = StoredFile(object=stored_as, size=found.size, sha256=found.sha256, stored_size=size)
    else:
        stored = transfer.upload(path, f"{folder}{found.sha256}", before=found)
        known[stored_as] = stored.stored_size
    return MediaFile(path=name, stored=stored)


def download_media(media: Collection[MediaFile], root: Path, *, transfer: Transfer, step: Step) -> None:
    """Write the media below a new folder, each object fetched once.

    Raise BackupError when one is missing or damaged.
    """
    root.mkdir(parents=True)
    files: dict[str, list[MediaFile]] = {}
    for file in media:
        _require_safe(file.path)
        if file.stored:
            files.setdefault(file.stored.object, []).append(file)
    step.expect(len(files))
    side_by_side(_download(twins, root, transfer, step) for twins in files.values())
    for file in media:
        if file.link is not None:
            path = root / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(file.link)


def _download(twins: list[MediaFile], root: Path, transfer: Transfer, step: Step) -> Callable[[], None]:
    def work() -> None:
        first, *others = (root / file.path for file in twins)
        first.parent.mkdir(parents=True, exist_ok=True)
        stored = twins[0].stored
        if stored:
            transfer.download(stored, first)
        for other in others:
            other.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(first, other)
        step.advance()

    return work


def keep_only(root: Path, kept: Collection[str]) -> int:
    """Return how many files and links were removed: all below the folder but those with these paths."""
    removed = [path for path in list_media(root) if path not in kept]
    for path in removed:
        (root / path).unlink()
    return len(removed)


def link_twin(source: Path, target: Path) -> None:
    """Make a second folder of the same files, at the cost of their names."""
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, copy_function=os.link)
    else:
        target.mkdir(parents=True)


def _require_safe(path: str) -> None:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise BackupError(f"The backup names a media file outside of the media folder ({path}). It is not restored.")
