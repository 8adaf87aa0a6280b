"""Media in a bucket of S3: backed up without being read twice, verified, restored and undone, by a real service."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bedplate.backup.errors import AccessError, BackupError, ConflictError, ForbiddenError, MissingError
from bedplate.backup.stores import NEW
from bedplate.backup.stores.folder import FolderStore
from bedplate.backup.stores.google import GoogleStore
from bedplate.backup.stores.s3 import S3Store, open_bucket
from bedplate.testing.fake_gcs import FakeGcs
from botocore.exceptions import IncompleteReadError  # type: ignore[import-untyped]
from botocore.response import StreamingBody  # type: ignore[import-untyped]
from bucket_uploads import MEDIA, change, media
from google.auth.credentials import AnonymousCredentials
from project import Configure, Project, note, notes
from pyrage import x25519
from s3_service import REGION, S3Service, credentials, s3_service

pytestmark = pytest.mark.usefixtures("without_django")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Service]:
    """Return the service that all tests share."""
    with s3_service(tmp_path_factory.mktemp("s3") / "data") as service:
        yield service


@pytest.fixture
def bucket(service: S3Service, configure: Configure, tmp_path: Path) -> S3Store:
    """Return the bucket of the uploads, with a few, in a folder beside foreign objects; with the account of uploads."""
    service.empty()
    service.client().put_object(Bucket="uploads", Key="elsewhere/x", Body=b"not ours")
    (tmp_path / "key").write_text(credentials())
    variables = {"MEDIA_URL": "s3://uploads/site", "S3_ENDPOINT": service.url, "S3_REGION": REGION}
    store = open_bucket(configure(**variables, MEDIA_CREDENTIALS=str(tmp_path / "key")).variables)
    for name, content in MEDIA.items():
        store.write(name, content)
    return store


@pytest.fixture(params=["folder", "bucket", "encrypted"])
def project(
    request: pytest.FixtureRequest, embedded: Project, bucket: S3Store, configure: Configure, gcs_server: FakeGcs
) -> Project:
    """Return a project with uploads there, and backups in a folder; in a bucket of Google; or encrypted there."""
    if request.param == "folder":
        return Project(configure(), embedded.store)
    request.getfixturevalue("gcs")
    keys = {}
    if request.param == "encrypted":
        identity = x25519.Identity.generate()
        keys = {"BACKUP_AGE_RECIPIENTS": str(identity.to_public()), "BACKUP_AGE_IDENTITY": str(identity)}
    url = gcs_server.make_bucket()
    return Project(configure(BACKUP_URL=url, **keys), GoogleStore(url, AnonymousCredentials()))


def media_of(bucket: Any) -> dict[str, bytes]:
    """Return the live media."""
    return media(bucket)


def reads(bucket: S3Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of the objects that are downloaded from now on."""
    names: list[str] = []
    download = S3Store.download

    def noted(self: S3Store, name: str, path: Path) -> None:
        names.append(name)
        download(self, name, path)

    monkeypatch.setattr(S3Store, "download", noted)
    return names


def test_a_backup_is_restored_and_undone(project: Project, bucket: Any) -> None:
    assert project.back_up().media_files == len(MEDIA)
    project.verify()
    changed = change(bucket)
    note(project, "three")
    assert project.restore().media_files == 5
    assert (media_of(bucket), notes(project)) == (MEDIA, ["one", "two"])
    project.undo()
    assert (media_of(bucket), notes(project)) == (changed, ["one", "two", "three"])
    project.undo()
    assert (media_of(bucket), notes(project)) == (MEDIA, ["one", "two"])


def test_no_byte_is_read_twice(project: Project, bucket: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    read = reads(bucket, monkeypatch)
    project.back_up()
    assert sorted(read) == sorted(MEDIA)
    read.clear()
    bucket.write("private/1/0f9/another.txt", b"another")
    project.back_up()
    assert read == ["private/1/0f9/another.txt"]
    read.clear()
    project.restore()
    project.undo()
    project.back_up()
    assert read == []


def test_uploads_of_a_folder_move_into_the_bucket_and_back(
    embedded: Project, bucket: Any, configure: Configure
) -> None:
    folder = Project(configure(MEDIA_URL=""), embedded.store)
    folder.back_up()
    moved = Project(configure(MEDIA_URL=bucket.url), embedded.store)
    moved.restore()
    assert media_of(bucket) == {"a.txt": b"first", "b.txt": b"second"}
    bucket.write("c.txt", b"third")
    moved.back_up()
    back = Project(configure(MEDIA_URL=""), embedded.store)
    back.restore()
    assert {path.name for path in back.media.iterdir()} == {"a.txt", "b.txt", "c.txt"}


def test_an_export_has_the_media(embedded: Project, bucket: S3Store, configure: Configure) -> None:
    found = Project(configure(), embedded.store).export("media", anonymized=False)
    assert found == {f"media/{name}": content for name, content in MEDIA.items()}


def test_an_object_that_was_sent_in_parts_is_read(
    embedded: Project, bucket: Any, service: S3Service, configure: Configure
) -> None:
    """Its ETag is no MD5."""
    client, at = service.client(), {"Bucket": "uploads", "Key": "site/public/film"}
    upload = client.create_multipart_upload(**at)["UploadId"]
    parts = [
        {"PartNumber": number, "ETag": client.upload_part(**at, UploadId=upload, PartNumber=number, Body=body)["ETag"]}
        for number, body in enumerate((b"x" * (5 << 20), b"end"), 1)
    ]
    client.complete_multipart_upload(**at, UploadId=upload, MultipartUpload={"Parts": parts})
    project = Project(configure(), embedded.store)
    manifest = project.back_up()
    assert manifest.media_files == len(MEDIA) + 1
    bucket.delete("public/film")
    project.restore()
    assert bucket.read("public/film")[0] == b"x" * (5 << 20) + b"end"


def test_an_upload_during_the_swap_stays(
    embedded: Project, bucket: Any, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(configure(), embedded.store)
    project.back_up()
    bucket.write("public/later", b"was there before")
    delete = S3Store.delete

    def late(self: S3Store, name: str, *, generation: str | None = None) -> None:
        if name == "public/later":  # its owner replaces it, between the list and the swap
            bucket.write(name, b"replaced")
        delete(self, name, generation=generation)

    monkeypatch.setattr(S3Store, "delete", late)
    project.restore()
    assert media_of(bucket) == MEDIA | {"public/later": b"replaced"}


def test_conditions_are_kept(bucket: S3Store, tmp_path: Path) -> None:
    first = bucket.write("a", b"first", generation=NEW)
    with pytest.raises(ConflictError, match="changed by another writer"):
        bucket.write("a", b"second", generation=NEW)
    second = bucket.write("a", b"second", generation=first.generation)
    with pytest.raises(ConflictError):
        bucket.write("a", b"third", generation=first.generation)
    with pytest.raises(ConflictError):
        bucket.delete("a", generation=first.generation)
    with pytest.raises(ConflictError):
        bucket.copy_within(first, "b")  # it has changed since it was listed
    copy = bucket.copy_within(second, "b")
    assert bucket.copy_within(second, "b") == copy  # after a lost answer
    with pytest.raises(ConflictError):
        bucket.copy_within(bucket.write("c", b"another"), "b")
    bucket.delete("a", generation=second.generation)
    bucket.delete("a")
    with pytest.raises(MissingError):
        bucket.copy_within(second, "d")
    with pytest.raises(MissingError):
        bucket.download("a", tmp_path / "a")
    assert {"private", "public"} <= set(bucket.folders("")) <= {"private", "public", ".backup_system"}
    assert next(each.md5 for each in bucket.list("b")) == copy.md5


def test_the_same_content_again_is_a_later_upload(bucket: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted restore that has removed it must not remove it again: its ETag is the same."""
    bucket.write("logo", b"a logo")
    (listed,) = bucket.list("logo")
    head = S3Store._head  # noqa: SLF001 - a time that no test waits for

    def later(self: S3Store, name: str) -> dict[str, Any] | None:
        found = head(self, name)
        return found and found | {"LastModified": found["LastModified"] + timedelta(minutes=1)}

    with monkeypatch.context() as uploaded_again:
        uploaded_again.setattr(S3Store, "_head", later)
        with pytest.raises(ConflictError):
            bucket.delete("logo", generation=listed.generation)
    bucket.delete("logo", generation=listed.generation)
    assert list(bucket.list("logo")) == []


def test_a_copy_of_an_object_in_parts_replaces_no_other(bucket: S3Store) -> None:
    """It has no MD5 to compare."""
    original = replace(bucket.write("film", b"x" * 10), md5=None)
    bucket.write("kept", b"of someone else")
    with pytest.raises(ConflictError, match="differs from"):
        bucket.copy_within(original, "kept")
    assert bucket.read("kept")[0] == b"of someone else"


def test_a_connection_that_is_cut_is_tried_again(
    bucket: S3Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bucket.write("film", b"x" * 1000)
    cut: list[int] = []

    def pieces(self: StreamingBody, size: int) -> Iterator[bytes]:
        if len(cut) < 2:
            cut.append(size)
            yield b"xxx"
            raise IncompleteReadError(actual_bytes=3, expected_bytes=1000)
        yield self.read()

    monkeypatch.setattr(StreamingBody, "iter_chunks", pieces)
    bucket.download("film", tmp_path / "film")
    assert (len(cut), (tmp_path / "film").read_bytes()) == (2, b"x" * 1000)


def test_one_that_is_gone_was_changed_by_another(bucket: S3Store) -> None:
    """Amazon answers 404 then, SeaweedFS 412."""
    written = bucket.write("lease", b"held")
    bucket.delete("lease")

    def as_amazon(parsed: dict[str, Any], **_: Any) -> None:
        if parsed.get("Error", {}).get("Code") == "PreconditionFailed":
            parsed["Error"]["Code"] = "NoSuchKey"

    bucket._client.meta.events.register("after-call.s3.PutObject", as_amazon)  # noqa: SLF001 - its answers
    with pytest.raises(ConflictError):
        bucket.write("lease", b"again", generation=written.generation)


def test_a_file_is_uploaded_once(bucket: S3Store, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    first = bucket.upload("f", file)
    assert bucket.upload("f", file) == first
    file.write_bytes(b"other")
    assert bucket.upload("f", file).md5 != first.md5
    assert bucket.read("f")[0] == b"other"


@pytest.mark.parametrize(
    ("account", "url", "error", "reason"),
    [
        ("READER", "s3://uploads/site", ForbiddenError, "may not do this with s3://uploads/site/"),
        ("STRANGER", "s3://uploads/site", AccessError, "does not accept media_credentials"),
        ("UPLOADS", "s3://others", ForbiddenError, "may not do this with s3://others/"),
    ],
)
def test_a_restore_without_rights_changes_nothing(  # noqa: PLR0913, PLR0917 - fixtures
    embedded: Project,
    folder_store: FolderStore,
    bucket: Any,
    configure: Configure,
    tmp_path: Path,
    account: str,
    url: str,
    error: type[BackupError],
    reason: str,
) -> None:
    Project(configure(), folder_store).back_up()
    changed = change(bucket)
    (tmp_path / "key").write_text(credentials(account))
    with pytest.raises(error, match=reason) as raised:
        Project(configure(MEDIA_URL=url), folder_store).restore()
    assert "secret-of" not in str(raised.value)
    assert media_of(bucket) == changed


def test_without_a_key_the_command_says_how_to_get_one(bucket: S3Store, configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("")
    with pytest.raises(AccessError, match="rotate-secret media_credentials"):
        open_bucket(configure().variables)
