"""Media in a bucket are replaced as a whole, or not at all, and brought back."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from bedplate.backup.bucket_media import BucketMedia
from bedplate.backup.errors import BackupError
from bedplate.backup.media_paths import RESTORES
from bedplate.backup.session import Session
from bedplate.backup.stores.google import GoogleStore
from bucket_uploads import MEDIA, change, media
from project import Configure, Project, notes

pytestmark = pytest.mark.usefixtures("without_django")


def test_what_is_live_already_is_not_touched(in_bucket: Project, uploads: GoogleStore) -> None:
    in_bucket.back_up()
    before = {each.name: each.generation for each in uploads.list("private/")}
    uploads.delete("public/empty")
    in_bucket.restore()
    assert {each.name: each.generation for each in uploads.list("private/")} == before
    assert media(uploads) == MEDIA


def test_nothing_is_left_but_the_previous_media_of_the_last_restore(in_bucket: Project, uploads: GoogleStore) -> None:
    in_bucket.back_up()
    for _ in range(2):
        change(uploads)
        in_bucket.restore()
    left = {each.name.split("/")[1].partition("-")[0] for each in uploads.list(f"{RESTORES}/")}
    assert left == {"previous"}
    assert len(uploads.folders(f"{RESTORES}/")) == 1


def test_an_upload_during_the_swap_stays(
    in_bucket: Project, uploads: GoogleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_bucket.back_up()
    changed = change(uploads)
    swap = BucketMedia.swap

    def upload_and_swap(self: BucketMedia, restore: str) -> None:
        if not media(uploads).get("private/9/x/late.txt"):
            uploads.write("private/9/x/late.txt", b"late")
        swap(self, restore)

    with monkeypatch.context() as patch:
        patch.setattr(BucketMedia, "swap", upload_and_swap)
        in_bucket.restore()
    assert media(uploads) == MEDIA | {"private/9/x/late.txt": b"late"}
    in_bucket.undo()
    assert media(uploads) == changed | {"private/9/x/late.txt": b"late"}


@pytest.mark.parametrize("after", range(4))  # two copies, and the deletions of an object and of the plan
def test_an_interrupted_swap_is_finished_by_the_next_command(
    in_bucket: Project, uploads: GoogleStore, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    in_bucket.back_up()
    changed = change(uploads)
    swap, calls = BucketMedia.swap, iter(range(100))

    def failing(work: Callable[..., object]) -> Callable[..., object]:
        def run(*arguments: object, **options: object) -> object:
            if next(calls) >= after:
                raise BackupError("the network is gone")
            return work(*arguments, **options)

        return run

    def swap_and_fail(self: BucketMedia, restore: str) -> None:
        with monkeypatch.context() as patch:
            for verb in ("copy", "delete"):
                patch.setattr(GoogleStore, verb, failing(getattr(GoogleStore, verb)))
            swap(self, restore)

    with monkeypatch.context() as patch:
        patch.setattr(BucketMedia, "swap", swap_and_fail)
        with pytest.raises(BackupError, match="The database was replaced, the media files were not yet"):
            in_bucket.restore()
    in_bucket.back_up()
    assert (media(uploads), notes(in_bucket)) == (MEDIA, ["one", "two"])
    in_bucket.undo()
    assert media(uploads) == changed


def test_a_failure_before_the_swap_changes_nothing(
    in_bucket: Project, uploads: GoogleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_bucket.back_up()
    changed = change(uploads)
    with monkeypatch.context() as patch:
        patch.setattr(BucketMedia, "list_live", lambda *_: (_ for _ in ()).throw(BackupError("no")))
        with pytest.raises(BackupError, match="Nothing was replaced"):
            in_bucket.restore()
    assert media(uploads) == changed
    assert [each.name for each in uploads.list(f"{RESTORES}/")] == []


def test_an_undo_without_the_previous_media_is_refused(
    in_bucket: Project, uploads: GoogleStore, configure: Configure
) -> None:
    folder = Project(configure(MEDIA_URL=""), in_bucket.store)
    folder.back_up()
    folder.restore()
    moved = Project(configure(MEDIA_URL=uploads.url), in_bucket.store)
    with pytest.raises(BackupError, match="were in another place then"):
        moved.undo()
    assert media(uploads) == MEDIA


def test_another_machine_finishes_an_interrupted_swap(
    in_bucket: Project, uploads: GoogleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan is in the bucket: nothing on this machine's disk is needed."""
    in_bucket.back_up()
    change(uploads)
    with monkeypatch.context() as patch:
        patch.setattr(BucketMedia, "swap", lambda *_: (_ for _ in ()).throw(BackupError("the power is gone")))
        with pytest.raises(BackupError, match="the media files were not yet"):
            in_bucket.restore()
    for folder in in_bucket.configuration.work.glob("staging-*"):
        shutil.rmtree(folder)
    in_bucket.back_up()
    assert media(uploads) == MEDIA


def test_a_machine_that_has_lost_the_lease_does_not_swap(
    in_bucket: Project, uploads: GoogleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_bucket.back_up()
    changed = change(uploads)
    keep = BucketMedia._keep  # noqa: SLF001 - the longest step before the swap

    def keep_and_lose(self: BucketMedia, *arguments: Any) -> None:
        keep(self, *arguments)
        uploads.write(".backup_system/lease.json", b'{"holder": "another", "token": "another"}')

    with monkeypatch.context() as patch:
        patch.setattr(BucketMedia, "_keep", keep_and_lose)
        with pytest.raises(BackupError, match=r"Another machine has taken over.*Nothing was replaced"):
            in_bucket.restore()
    assert media(uploads) == changed


def test_only_the_media_that_a_rule_keeps_arrive(
    in_bucket: Project, uploads: GoogleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Production's backup, anonymized, in DEV's bucket."""
    in_bucket.back_up()
    change(uploads)
    kept = {"public/pictures/house.png", "private/1/0f3/report.txt"}

    def anonymize(session: Session, *rest: Any) -> bool:
        assert session.live_media.keep_only(rest[-1], kept) == len(MEDIA) - len(kept)
        return True

    monkeypatch.setattr("bedplate.backup.commands.restore._bring_up_to_date", anonymize)
    in_bucket.restore()
    assert media(uploads) == {name: content for name, content in MEDIA.items() if name in kept}
    left = [each.name for each in uploads.list(".backup_system/staging")]
    assert left == []
