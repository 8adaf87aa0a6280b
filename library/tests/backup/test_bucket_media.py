"""Media in a bucket are backed up, verified, restored and brought back, without passing through this machine."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from bedplate.backup.bucket_media import BucketMedia
from bedplate.backup.errors import BackupError, UnusableBackupError, WrongUseError
from bedplate.backup.media_paths import RESTORES
from bedplate.backup.stores.folder import FolderStore
from bedplate.backup.stores.google import GoogleStore
from bedplate.testing.fake_gcs import FakeGcs
from fault_proxy import FaultProxy
from google.auth.credentials import AnonymousCredentials
from preconditions import Preconditions
from project import Configure, Project, note, notes
from pyrage import x25519

pytestmark = pytest.mark.usefixtures("without_django")

MEDIA: Final = {
    "private/1/0f3/report.txt": b"first",
    "private/2/0f4/100% c\xc3\xa9?#.txt": b"second",
    "public/pictures/house.png": b"a house",
    "public/pictures/copy.png": b"a house",
    "public/empty": b"",
}


@pytest.fixture
def bucket(gcs: str, gcs_server: FakeGcs, proxy: FaultProxy) -> GoogleStore:
    """Return the bucket of the uploads, with a few, in a folder beside foreign objects."""
    proxy.judge = Preconditions(gcs_server.url).judge
    GoogleStore(gcs, AnonymousCredentials()).write("elsewhere/x", b"not ours")
    store = GoogleStore(f"{gcs}/site", AnonymousCredentials())
    for name, content in MEDIA.items():
        store.write(name, content)
    return store


@pytest.fixture
def project(embedded: Project, bucket: GoogleStore, gcs_server: FakeGcs, configure: Configure) -> Project:
    """Return a project with uploads in a bucket, and backups in another one."""
    url = gcs_server.make_bucket()
    return Project(configure(BACKUP_URL=url, MEDIA_URL=bucket.url), GoogleStore(url, AnonymousCredentials()))


def media(bucket: GoogleStore) -> dict[str, bytes]:
    """Return the live media."""
    return {
        each.name: bucket.read(each.name)[0] for each in bucket.list("") if not each.name.startswith(f"{RESTORES}/")
    }


def change(bucket: GoogleStore) -> dict[str, bytes]:
    """Replace, remove and add an upload; return all."""
    bucket.write("private/1/0f3/report.txt", b"replaced")
    bucket.delete("public/pictures/house.png")
    bucket.write("private/3/0f5/new.txt", b"new")
    return media(bucket)


def bytes_read(proxy: FaultProxy) -> list[str]:
    """Return the requests that fetched or sent media."""
    of_media = re.compile(r"(GET|POST|PUT) /(download|upload)/\S*(private|public|%2Fmedia%2F|/media/)")
    return [request for request in proxy.requests if of_media.match(request)]


def copies(proxy: FaultProxy) -> list[str]:
    """Return the requests that made Google copy."""
    return [request for request in proxy.requests if "/rewriteTo/" in request]


def test_a_backup_is_restored_and_undone(project: Project, bucket: GoogleStore) -> None:
    manifest = project.back_up()
    assert (manifest.media_files, manifest.media_size) == (5, sum(map(len, MEDIA.values())))
    changed = change(bucket)
    note(project, "three")
    assert project.restore().media_files == 5
    assert (media(bucket), notes(project)) == (MEDIA, ["one", "two"])
    project.undo()
    assert (media(bucket), notes(project)) == (changed, ["one", "two", "three"])
    project.undo()
    assert (media(bucket), notes(project)) == (MEDIA, ["one", "two"])


def test_no_byte_passes_through_this_machine(project: Project, bucket: GoogleStore, proxy: FaultProxy) -> None:
    change(bucket)
    proxy.requests.clear()
    project.back_up()
    project.verify()
    bucket.delete("public/empty")
    project.restore()
    project.undo()
    assert bytes_read(proxy) == []
    assert len(copies(proxy)) > len(MEDIA)


def test_what_the_store_has_is_not_copied_again(project: Project, bucket: GoogleStore, proxy: FaultProxy) -> None:
    project.back_up()
    assert len(copies(proxy)) == len(MEDIA)
    bucket.write("private/1/0f9/another.txt", b"another")
    proxy.requests.clear()
    project.back_up()
    assert len(copies(proxy)) == 1
    project.restore()  # the objects are new ones, with the same contents
    proxy.requests.clear()
    project.back_up()
    assert copies(proxy) == []


def test_what_is_live_already_is_not_touched(project: Project, bucket: GoogleStore) -> None:
    project.back_up()
    before = {each.name: each.generation for each in bucket.list("private/")}
    bucket.delete("public/empty")
    project.restore()
    assert {each.name: each.generation for each in bucket.list("private/")} == before
    assert media(bucket) == MEDIA


def test_nothing_is_left_but_the_previous_media_of_the_last_restore(project: Project, bucket: GoogleStore) -> None:
    project.back_up()
    for _ in range(2):
        change(bucket)
        project.restore()
    left = {each.name.split("/")[1].partition("-")[0] for each in bucket.list(f"{RESTORES}/")}
    assert left == {"previous"}
    assert len(bucket.folders(f"{RESTORES}/")) == 1


def test_the_media_of_a_backup_in_a_bucket_are_restored_into_a_folder(project: Project, configure: Configure) -> None:
    """Production arrives in LOCAL."""
    project.back_up()
    local = Project(configure(MEDIA_URL=""), project.store, project.said)
    (local.media / "intruder").write_text("x")
    local.restore()
    found = {path.relative_to(local.media).as_posix(): path.read_bytes() for path in local.media.rglob("*.*")}
    assert found == {name: content for name, content in MEDIA.items() if "." in name}
    local.verify()


def test_the_media_of_a_folder_move_into_a_bucket_and_back(
    embedded: Project, bucket: GoogleStore, gcs_server: FakeGcs, configure: Configure
) -> None:
    url = gcs_server.make_bucket()
    folder = Project(configure(BACKUP_URL=url), GoogleStore(url, AnonymousCredentials()))
    folder.back_up()
    moved = Project(configure(MEDIA_URL=bucket.url), folder.store)
    moved.restore()
    assert media(bucket) == {"a.txt": b"first", "b.txt": b"second"}
    bucket.write("c.txt", b"third")
    moved.back_up()
    back = Project(configure(MEDIA_URL=""), folder.store)
    back.restore()
    assert {path.name: path.read_text() for path in back.media.iterdir()} == {
        "a.txt": "first",
        "b.txt": "second",
        "c.txt": "third",
    }


@pytest.mark.parametrize("kind", ["folder", "encrypted"])
def test_another_store_gets_what_is_read_once(  # noqa: PLR0913, PLR0917 - fixtures
    project: Project,
    bucket: GoogleStore,
    folder_store: FolderStore,
    proxy: FaultProxy,
    configure: Configure,
    kind: str,
) -> None:
    if kind == "folder":
        other = Project(configure(BACKUP_URL=folder_store.url), folder_store)
    else:
        identity = x25519.Identity.generate()
        keys = {"BACKUP_AGE_RECIPIENTS": str(identity.to_public()), "BACKUP_AGE_IDENTITY": str(identity)}
        other = Project(configure(**keys), project.store)
    other.back_up()
    proxy.requests.clear()
    other.back_up()
    assert [request for request in bytes_read(proxy) if "/site" in request or "site%2F" in request] == []
    change(bucket)
    other.verify()
    other.restore()
    assert media(bucket) == MEDIA


@pytest.mark.parametrize("damage", ["replaced", "removed"])
def test_a_damaged_copy_is_found_before_anything_changes(project: Project, bucket: GoogleStore, damage: str) -> None:
    project.back_up()
    victim = next(each.name for each in project.store.list("v1/app/media/") if each.size)
    if damage == "replaced":
        project.store.write(victim, b"x" * len(project.store.read(victim)[0]))
    else:
        project.store.delete(victim)
    changed = change(bucket)
    for work in (project.verify, project.restore):
        with pytest.raises(UnusableBackupError, match="damaged" if damage == "replaced" else "missing"):
            work()
    assert media(bucket) == changed
    project.back_up()  # it is copied again, if its original is still there
    assert media(bucket) == changed


def test_an_upload_during_the_swap_stays(
    project: Project, bucket: GoogleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.back_up()
    changed = change(bucket)
    swap = BucketMedia.swap

    def upload_and_swap(self: BucketMedia, restore: str) -> None:
        if not media(bucket).get("private/9/x/late.txt"):
            bucket.write("private/9/x/late.txt", b"late")
        swap(self, restore)

    with monkeypatch.context() as patch:
        patch.setattr(BucketMedia, "swap", upload_and_swap)
        project.restore()
    assert media(bucket) == MEDIA | {"private/9/x/late.txt": b"late"}
    project.undo()
    assert media(bucket) == changed | {"private/9/x/late.txt": b"late"}


@pytest.mark.parametrize("after", range(4))  # two copies, and the deletions of an object and of the plan
def test_an_interrupted_swap_is_finished_by_the_next_command(
    project: Project, bucket: GoogleStore, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    project.back_up()
    changed = change(bucket)
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
            project.restore()
    project.back_up()
    assert (media(bucket), notes(project)) == (MEDIA, ["one", "two"])
    project.undo()
    assert media(bucket) == changed


def test_a_failure_before_the_swap_changes_nothing(
    project: Project, bucket: GoogleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.back_up()
    changed = change(bucket)
    with monkeypatch.context() as patch:
        patch.setattr(BucketMedia, "list_live", lambda *_: (_ for _ in ()).throw(BackupError("no")))
        with pytest.raises(BackupError, match="Nothing was replaced"):
            project.restore()
    assert media(bucket) == changed
    assert [each.name for each in bucket.list(f"{RESTORES}/")] == []


def test_an_undo_without_the_previous_media_is_refused(
    project: Project, bucket: GoogleStore, configure: Configure
) -> None:
    folder = Project(configure(MEDIA_URL=""), project.store)
    folder.back_up()
    folder.restore()
    moved = Project(configure(MEDIA_URL=bucket.url), project.store)
    with pytest.raises(BackupError, match="were in another place then"):
        moved.undo()
    assert media(bucket) == MEDIA


def test_backups_in_the_same_bucket_are_refused(embedded: Project, gcs: str, configure: Configure) -> None:
    both = Project(configure(BACKUP_URL=gcs, MEDIA_URL=f"{gcs}/site"), GoogleStore(gcs, AnonymousCredentials()))
    with pytest.raises(WrongUseError, match="name the same bucket"):
        both.back_up()


@pytest.mark.parametrize(
    "name", ["private/1//x", "private/../x", "private/1/0f3/report.txt/below", "x" * 300, ".backup_system"]
)
def test_a_name_that_no_file_can_have_stops_the_backup(project: Project, bucket: GoogleStore, name: str) -> None:
    bucket.write(name, b"x")
    with pytest.raises(BackupError, match=r"no file can have|files cannot have"):
        project.back_up()


def test_the_objects_of_folders_in_googles_console_are_left_out(project: Project, bucket: GoogleStore) -> None:
    bucket.write("private/", b"")
    assert project.back_up().media_files == len(MEDIA)


def test_an_export_has_the_media(project: Project) -> None:
    found = project.export("media", anonymized=False)
    assert found == {f"media/{name}": content for name, content in MEDIA.items()}


def test_earlier_releases_refuse_such_a_backup(project: Project) -> None:
    name = f"{project.back_up().name}/manifest.json"
    assert b'"format": 3' in project.store.read(name)[0]


def test_pruning_keeps_the_copies_that_a_backup_needs(project: Project, tmp_path: Path) -> None:
    project.back_up()
    project.store.write("v1/app/media/" + "0" * 64, b"of no backup")
    project.prune()
    assert len(list(project.store.list("v1/app/media/"))) == len(MEDIA)
    project.verify()
