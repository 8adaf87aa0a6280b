"""Media in a bucket are backed up, verified and restored, without passing through this machine."""

from pathlib import Path

import pytest
from bedplate.backup.errors import BackupError, UnusableBackupError
from bedplate.backup.stores.folder import FolderStore
from bedplate.backup.stores.google import GoogleStore
from bedplate.testing.fake_gcs import FakeGcs
from bucket_uploads import MEDIA, bytes_read, change, copies, media
from fault_proxy import FaultProxy
from google.auth.credentials import AnonymousCredentials
from project import Configure, Project, note, notes
from pyrage import x25519

pytestmark = pytest.mark.usefixtures("without_django")


def test_a_backup_is_restored_and_undone(in_bucket: Project, uploads: GoogleStore) -> None:
    manifest = in_bucket.back_up()
    assert (manifest.media_files, manifest.media_size) == (5, sum(map(len, MEDIA.values())))
    changed = change(uploads)
    note(in_bucket, "three")
    assert in_bucket.restore().media_files == 5
    assert (media(uploads), notes(in_bucket)) == (MEDIA, ["one", "two"])
    in_bucket.undo()
    assert (media(uploads), notes(in_bucket)) == (changed, ["one", "two", "three"])
    in_bucket.undo()
    assert (media(uploads), notes(in_bucket)) == (MEDIA, ["one", "two"])


def test_no_byte_passes_through_this_machine(in_bucket: Project, uploads: GoogleStore, proxy: FaultProxy) -> None:
    change(uploads)
    proxy.requests.clear()
    in_bucket.back_up()
    in_bucket.verify()
    uploads.delete("public/empty")
    in_bucket.restore()
    in_bucket.undo()
    assert bytes_read(proxy) == []
    assert len(copies(proxy)) > len(MEDIA)


def test_what_the_store_has_is_not_copied_again(in_bucket: Project, uploads: GoogleStore, proxy: FaultProxy) -> None:
    in_bucket.back_up()
    assert len(copies(proxy)) == len(MEDIA)
    uploads.write("private/1/0f9/another.txt", b"another")
    proxy.requests.clear()
    in_bucket.back_up()
    assert len(copies(proxy)) == 1
    in_bucket.restore()  # the objects are new ones, with the same contents
    proxy.requests.clear()
    in_bucket.back_up()
    assert copies(proxy) == []


def test_the_media_of_a_backup_in_a_bucket_are_restored_into_a_folder(in_bucket: Project, configure: Configure) -> None:
    """Production arrives in LOCAL."""
    in_bucket.back_up()
    local = Project(configure(MEDIA_URL=""), in_bucket.store, in_bucket.said)
    (local.media / "intruder").write_text("x")
    local.restore()
    found = {path.relative_to(local.media).as_posix(): path.read_bytes() for path in local.media.rglob("*.*")}
    assert found == {name: content for name, content in MEDIA.items() if "." in name}
    local.verify()


def test_the_media_of_a_folder_move_into_a_bucket_and_back(
    embedded: Project, uploads: GoogleStore, gcs_server: FakeGcs, configure: Configure
) -> None:
    url = gcs_server.make_bucket()
    folder = Project(configure(BACKUP_URL=url), GoogleStore(url, AnonymousCredentials()))
    folder.back_up()
    moved = Project(configure(MEDIA_URL=uploads.url), folder.store)
    moved.restore()
    assert media(uploads) == {"a.txt": b"first", "b.txt": b"second"}
    uploads.write("c.txt", b"third")
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
    in_bucket: Project,
    uploads: GoogleStore,
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
        other = Project(configure(**keys), in_bucket.store)
    other.back_up()
    proxy.requests.clear()
    other.back_up()
    assert [request for request in bytes_read(proxy) if "/site" in request or "site%2F" in request] == []
    change(uploads)
    other.verify()
    other.restore()
    assert media(uploads) == MEDIA


@pytest.mark.parametrize("damage", ["replaced", "removed"])
def test_a_damaged_copy_is_found_before_anything_changes(in_bucket: Project, uploads: GoogleStore, damage: str) -> None:
    in_bucket.back_up()
    victim = next(each.name for each in in_bucket.store.list("v1/app/media/") if each.size)
    if damage == "replaced":
        in_bucket.store.write(victim, b"x" * len(in_bucket.store.read(victim)[0]))
    else:
        in_bucket.store.delete(victim)
    changed = change(uploads)
    for work in (in_bucket.verify, in_bucket.restore):
        with pytest.raises(UnusableBackupError, match="damaged" if damage == "replaced" else "missing"):
            work()
    assert media(uploads) == changed
    in_bucket.back_up()  # it is copied again, if its original is still there
    assert media(uploads) == changed


@pytest.mark.parametrize(
    "name", ["private/1//x", "private/../x", "private/1/0f3/report.txt/below", "x" * 300, ".backup_system"]
)
def test_a_name_that_no_file_can_have_stops_the_backup(in_bucket: Project, uploads: GoogleStore, name: str) -> None:
    uploads.write(name, b"x")
    with pytest.raises(BackupError, match=r"no file can have|files cannot have"):
        in_bucket.back_up()


def test_the_objects_of_folders_in_googles_console_are_left_out(in_bucket: Project, uploads: GoogleStore) -> None:
    uploads.write("private/", b"")
    uploads.write("", b"")
    assert in_bucket.back_up().media_files == len(MEDIA)


def test_an_export_has_the_media(in_bucket: Project) -> None:
    found = in_bucket.export("media", anonymized=False)
    assert found == {f"media/{name}": content for name, content in MEDIA.items()}


def test_earlier_releases_refuse_such_a_backup(in_bucket: Project) -> None:
    name = f"{in_bucket.back_up().name}/manifest.json"
    assert b'"format": 3' in in_bucket.store.read(name)[0]


def test_pruning_keeps_the_copies_that_a_backup_needs(in_bucket: Project, tmp_path: Path) -> None:
    in_bucket.back_up()
    in_bucket.store.write("v1/app/media/" + "0" * 64, b"of no backup")
    in_bucket.prune()
    assert len(list(in_bucket.store.list("v1/app/media/"))) == len(MEDIA)
    in_bucket.verify()
