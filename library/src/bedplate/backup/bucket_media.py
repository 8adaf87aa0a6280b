"""The live media in a bucket, and how to replace them, even after interruptions.

Below `.backup_system/` in the same bucket, which is not served, `staging-<id>/` holds what the restore <id> makes live,
and `previous-<id>/` all media that were live before it. The service copies them. Objects that a restore does not change
are not touched, and uploads that come between its lists and its swap stay live.
"""

import json
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from bedplate.backup.below import Below
from bedplate.backup.bucket_copies import THREADS, copy_to_store, list_objects
from bedplate.backup.bucket_staging import StagedMedia, have_same_content
from bedplate.backup.errors import BackupError, ConflictError, ForbiddenError, MissingError
from bedplate.backup.lease import Lease, hold_lease
from bedplate.backup.manifest import MediaFile
from bedplate.backup.media_paths import RESTORES, require_safe_paths, shown
from bedplate.backup.progress import Progress
from bedplate.backup.stores import NEW, Bucket, StoredObject
from bedplate.backup.transfer import Transfer, run_parallel
from bedplate.backup.work_directory import PREVIOUS, STAGING, WorkDirectory

WANTED: Final = "wanted.json"
"""In the folder of staging: where the media are, and the paths of all of them, also of those that are live already."""
PLAN: Final = "plan.json"
"""In the folder of staging, from just before the swap until it is finished."""
COMPLETE: Final = "complete.json"
"""In the folder of previous media, once all are there."""
LEASE: Final = f"{RESTORES}/lease.json"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The changes of a swap."""

    source: str
    """The prefix of the media that become live."""
    bring: list[str]
    """Their paths."""
    remove: dict[str, str]
    """The paths that go, with their generations: a later upload with the same name stays."""


@dataclass(frozen=True, kw_only=True)
class BucketMedia:
    """The bucket, and the work directory of the installation."""

    bucket: Bucket
    main: WorkDirectory
    progress: Progress
    lease_seconds: float
    held: list[Lease] = field(default_factory=list)
    """The lease, while it is held."""

    @property
    def disks(self) -> tuple[Path, ...]:
        """The folders on this machine that restored media fill: none."""
        return ()

    def hand_over(self, _restore: str) -> None:
        """Do nothing: the prepared media are in the bucket already, where only this account reads them."""

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Hold the lease of the media: no other machine may replace them, or clean up, at the same time."""
        holder, say = self.main.installation, self.progress.say
        with hold_lease(self.bucket, LEASE, holder=holder, seconds=self.lease_seconds, say=say) as lease:
            self.held.append(lease)
            try:
                yield
            finally:
                self.held.clear()

    def back_up(self, *, project: str, transfer: Transfer, scratch: Path) -> tuple[MediaFile, ...]:
        """Copy the media to the store of the backups. Return them as the store holds them."""
        progress = self.progress
        return copy_to_store(self.bucket, project=project, transfer=transfer, scratch=scratch, progress=progress)

    def names(self) -> list[str]:
        """Return the paths of the media."""
        return sorted(list_objects(self.bucket))

    def link(self, _name: str) -> None:
        """Return where a medium leads to, if it is a link: a bucket has none."""

    @contextmanager
    def as_file(self, name: str, scratch: Path) -> Iterator[Path]:
        """Yield a copy of a media file on this machine. Raise FileNotFoundError if it is gone."""
        path = scratch / f"media-{secrets.token_hex(8)}"
        try:
            self.bucket.download(name, path)
            yield path
        except MissingError:
            raise FileNotFoundError(name) from None
        finally:
            path.unlink(missing_ok=True)

    def require_swappable(self) -> None:
        """Raise BackupError with advice if the account may not change the media."""
        probe = f"{RESTORES}/probe-{secrets.token_hex(8)}.json"
        try:
            self.bucket.write(probe, b"{}", generation=NEW)
            self.bucket.delete(probe)
        except ForbiddenError as error:
            raise ForbiddenError(
                f"The account of the backups may not change the uploads in {self.bucket.url}, so they cannot be "
                f"restored: library/docs/how-to/uploads-in-a-bucket.md ({error})"
            ) from error

    # A restore prepares its media.

    def stage(self, media: Collection[MediaFile], restore: str, *, transfer: Transfer, scratch: Path) -> None:
        """Prepare the media of a backup: copy those that are not live already.

        Raise BackupError if an object is missing or damaged, or a path is not safe.
        """
        require_safe_paths(media)
        for link in (file.path for file in media if file.link is not None):
            self.progress.say(f"Media link {shown(link)} is left out: a bucket has no links.")
        files = {file.path: file.stored for file in media if file.stored}
        folder, live = f"{_staging(restore)}files/", list_objects(self.bucket)
        with self.progress.step("Fetch and check the media") as step:
            StagedMedia.of(files, live=live, transfer=transfer).copy_to(self.bucket, folder, scratch=scratch, step=step)
        self._write(f"{_staging(restore)}{WANTED}", {"source": folder, "paths": sorted(files)})

    def keep_only(self, restore: str, kept: Collection[str]) -> int:
        """Remove all prepared media except these paths. Return the number of removed ones."""
        wanted = self._read(f"{_staging(restore)}{WANTED}")
        staying = [path for path in wanted["paths"] if path in kept]
        self._write(f"{_staging(restore)}{WANTED}", wanted | {"paths": staying})
        return len(wanted["paths"]) - len(staying)

    def begin_undoing(self, earlier: str, restore: str) -> None:
        """Prepare to make the media that the restore `earlier` replaced live again."""
        previous = f"{_previous(earlier)}files/"
        if not self._exists(f"{_previous(earlier)}{COMPLETE}"):
            raise BackupError(
                f"The uploads from before the last restore are not in {self.bucket.url}: they were in another place "
                "then (MEDIA_URL). Restore a backup of that time instead: ./google_storage.sh -l lists them."
            )
        self.main.staging(restore).mkdir(mode=0o700)
        paths = sorted(each.name.removeprefix(previous) for each in self.bucket.list(previous))
        self._write(f"{_staging(restore)}{WANTED}", {"source": previous, "paths": paths})

    def list_live(self, restore: str) -> None:
        """Keep a copy of the live media, and decide what the swap changes. Raise BackupError if the media changed."""
        wanted = self._read(f"{_staging(restore)}{WANTED}")
        live, prepared = list_objects(self.bucket), self._below(wanted["source"])
        paths = set(wanted["paths"])
        if gone := paths - live.keys() - prepared.keys():
            raise BackupError(f"The media file {shown(gone.pop())} was removed meanwhile. Try again.")
        with self.progress.step("Keep a copy of the live media") as step:
            self._keep(live, restore, step.expect, step.advance)
        self._write(f"{_previous(restore)}{COMPLETE}", {})
        plan = Plan(
            source=wanted["source"],
            bring=sorted(path for path in paths & prepared.keys() if not _are_same(live.get(path), prepared[path])),
            remove={path: each.generation for path, each in live.items() if path not in paths},
        )
        self._write(f"{_staging(restore)}{PLAN}", asdict(plan))
        for lease in self.held:  # a machine that was silent for too long must not begin the swap
            lease.renew()

    def _keep(self, live: dict[str, StoredObject], restore: str, expect: Any, advance: Any) -> None:
        folder = f"{_previous(restore)}files/"

        def keep(path: str) -> None:
            with suppress(MissingError):  # its owner has removed it meanwhile
                self.bucket.copy_within(live[path], f"{folder}{path}")
            advance()

        expect(len(live))
        run_parallel((partial(keep, path) for path in live), threads=THREADS)

    # The swap.

    def swap(self, restore: str) -> None:
        """Make the prepared media live. Can be called again after an interruption."""
        try:
            plan = Plan(**self._read(f"{_staging(restore)}{PLAN}"))
        except MissingError:  # they are already live
            return
        live, prepared = list_objects(self.bucket), self._below(plan.source)

        def bring(path: str) -> None:
            if not _are_same(live.get(path), prepared[path]):
                replaces = live[path].generation if path in live else NEW
                self.bucket.copy_within(prepared[path], path, replaces=replaces)

        def remove(path: str, generation: str) -> None:
            with suppress(ConflictError):
                self.bucket.delete(path, generation=generation)

        kept = self._below(f"{_previous(restore)}files/")
        late = {path: each for path, each in live.items() if path not in kept and path not in plan.bring}
        self._keep(late, restore, lambda _total: None, lambda: None)  # an undo keeps them live, too
        run_parallel((partial(bring, path) for path in plan.bring), threads=THREADS)
        run_parallel((partial(remove, *each) for each in plan.remove.items()), threads=THREADS)
        self.bucket.delete(f"{_staging(restore)}{PLAN}")

    def is_pending(self, restore: str) -> bool:
        """Return whether prepared media are not live yet."""
        return self._exists(f"{_staging(restore)}{PLAN}")

    def came_since(self, _restore: str) -> list[str]:
        """Return nothing: media that were added since the swap began stay live."""
        return []

    def kept(self, restore: str) -> str:
        """Return the address of the media that a restore replaced."""
        return f"{self.bucket.url}/{_previous(restore)}files"

    # Cleaning up.

    def unfinished(self) -> list[str]:
        """Return the restores whose media are prepared, perhaps by another machine."""
        folders = self.bucket.folders(f"{RESTORES}/")
        return [each.removeprefix(STAGING) for each in folders if each.startswith(STAGING)]

    def remove_staged(self) -> None:
        """Remove all prepared media."""
        for restore in self.unfinished():
            self._remove(_staging(restore))

    def forget_all_except(self, kept: Collection[str]) -> None:
        """Remove the media that restores have replaced, except those of the restores `kept`."""
        for folder in self.main.folders(PREVIOUS):
            if folder.name.removeprefix(PREVIOUS) not in kept:
                Below(self.main.folder, folder.name).remove(say=self.progress.say)
        for name in self.bucket.folders(f"{RESTORES}/"):
            if name.startswith(PREVIOUS) and name.removeprefix(PREVIOUS) not in kept:
                self._remove(f"{RESTORES}/{name}/")

    def _remove(self, folder: str) -> None:
        names = [each.name for each in self.bucket.list(folder)]
        run_parallel((partial(self.bucket.delete, name) for name in names), threads=THREADS)

    def _below(self, folder: str) -> dict[str, StoredObject]:
        return {each.name.removeprefix(folder): each for each in self.bucket.list(folder)}

    def _exists(self, name: str) -> bool:
        return any(each.name == name for each in self.bucket.list(name))

    def _read(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.bucket.read(name)[0])
        return found

    def _write(self, name: str, value: dict[str, Any]) -> None:
        self.bucket.write(name, json.dumps(value).encode())


def _staging(restore: str) -> str:
    return f"{RESTORES}/{STAGING}{restore}/"


def _previous(restore: str) -> str:
    return f"{RESTORES}/{PREVIOUS}{restore}/"


def _are_same(live: StoredObject | None, prepared: StoredObject) -> bool:
    return live is not None and have_same_content(live, prepared)
