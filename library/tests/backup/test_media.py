"""Media files are restored unchanged, whatever their names and contents."""

import os
import re
import socket
from pathlib import Path

import pytest
from bedplate.backup import media
from bedplate.backup.checksums import Checksums, checksums
from bedplate.backup.errors import BackupError
from bedplate.backup.media_paths import list_media
from bedplate.backup.stores import StoredObject
from bedplate.backup.stores.folder import FolderStore
from commands import attempt
from project import Configure, Project, files
from pyrage import x25519

pytestmark = pytest.mark.usefixtures("without_django")

NAMES = (
    "with a space.txt",
    "ünïcödé ☃ 名前.txt",
    "100 % of %2F and %s.txt",
    "quotes ' and \".txt",
    ".hidden",
    "..three dots",
    ".folder/.file",
    "a/folder/in/a/folder/file.bin",
    "line\nbreak and\ttab",
    "back\\slash",
    "x",
    "x.age",
    "x.age.age",
    "-rf",
    "n" * 255,
    os.fsdecode(b"not \xff\xfe UTF-8"),
)


@pytest.fixture(params=["plain", "encrypted"])
def project(request: pytest.FixtureRequest, embedded: Project, configure: Configure) -> Project:
    """Return a project with encryption, then one without."""
    if request.param == "plain":
        return embedded
    identity = x25519.Identity.generate()
    keys = {"BACKUP_AGE_RECIPIENTS": str(identity.to_public()), "BACKUP_AGE_IDENTITY": str(identity)}
    return Project(configure(**keys), embedded.store)


def replaced_by_their_backup(project: Project) -> dict[str, bytes | str]:
    """Back up the media, change all of them, restore them, and return them."""
    project.back_up()
    for name in list_media(project.media):
        (project.media / name).unlink()
    (project.media / "intruder").write_text("x")
    project.restore()
    return files(project.media)


def test_names_may_be_anything(project: Project) -> None:
    for number, name in enumerate(NAMES):
        path = project.media / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(number * 1000))
    before = files(project.media)
    assert replaced_by_their_backup(project) == before


def test_links_stay_links(project: Project) -> None:
    (project.media / "folder").mkdir()
    (project.media / "folder/file").write_text("x")
    for name, target in {
        "to a file": "folder/file",
        "to a folder": "folder",
        "folder/up": "..",
        "dangling": "nowhere at all",
        "not UTF-8": os.fsdecode(b"\xff"),
    }.items():
        (project.media / name).symlink_to(target)
    before = files(project.media)
    assert replaced_by_their_backup(project) == before


def test_an_absolute_link_leads_into_the_media_wherever_they_are_restored(project: Project) -> None:
    (project.media / "folder").mkdir()
    (project.media / "folder/link").symlink_to(project.media / "a.txt")
    assert replaced_by_their_backup(project)["folder/link"] == "../a.txt"
    assert (project.media / "folder/link").read_text() == "first"


@pytest.mark.parametrize("absolute", [True, False])
@pytest.mark.parametrize("target", ["elsewhere", "elsewhere/file", "nothing"])
def test_a_link_that_leads_out_of_the_media_is_never_followed(
    project: Project, tmp_path: Path, target: str, absolute: bool
) -> None:
    """It is stored as a link. A restore and an export leave it out, and name it."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/file").write_text("uploads of earlier years")
    path = tmp_path / target
    (project.media / "2019").symlink_to(path if absolute else path.relative_to(project.media, walk_up=True))
    project.back_up()
    assert "media link 2019 points outside of the media folder. What is there is not backed up" in said(project)
    project.export("media", anonymized=False)
    project.restore()
    assert set(files(project.media)) == {"a.txt", "b.txt"}
    assert said(project).count("Media link 2019 points outside of the media folder: left out.") == 2
    assert (tmp_path / "elsewhere/file").read_text() == "uploads of earlier years"


def said(project: Project) -> str:
    """Return what was said, in one line."""
    return " ".join(project.said.getvalue().split())


@pytest.mark.parametrize("name", ["folder/private", "folder/private/file"])
@pytest.mark.parametrize("arguments", [["-b"], ["--export=media", "--not-anonymised"]], ids=["back up", "export"])
def test_what_cannot_be_read_is_named_and_not_left_out(embedded: Project, name: str, arguments: list[str]) -> None:
    (embedded.media / "folder/private").mkdir(parents=True)
    (embedded.media / "folder/private/file").write_text("would be missing in silence")
    (embedded.media / name).chmod(0)
    try:
        status, said = attempt(*arguments)
    finally:
        (embedded.media / name).chmod(0o700)
    assert status == 1
    assert re.search(rf"Media (file|folder) \S*{name} cannot be read: Permission denied", said)
    assert "Traceback" not in said
    assert embedded.session.backups() == []


def test_the_same_contents_are_stored_once(project: Project) -> None:
    for number in range(20):
        (project.media / f"copy {number}").write_bytes(b"the same" * 10_000)
    (project.media / "nothing").write_bytes(b"")
    (project.media / "nothing either").write_bytes(b"")
    before = files(project.media)
    assert replaced_by_their_backup(project) == before
    assert len(list(project.store.list("v1/app/media/"))) == 2 + 2


def test_nothing_is_sent_twice(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.back_up()
    (project.media / "new").write_text("new")
    sent: list[str] = []
    upload = project.store.upload

    def note_and_upload(name: str, path: Path) -> StoredObject:
        sent.append(name)
        return upload(name, path)

    monkeypatch.setattr(project.store, "upload", note_and_upload)
    project.back_up()
    assert len([name for name in sent if "/media/" in name]) == 1


def test_what_is_no_file_is_left_out(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(project.media / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(project.media)
        listener.bind("socket")
    assert set(replaced_by_their_backup(project)) == {"a.txt", "b.txt"}
    for name in ("pipe", "socket"):
        assert f"Media file {name} is a socket, a pipe or a device: left out." in project.said.getvalue()


def test_the_live_media_are_never_written(project: Project) -> None:
    project.media.chmod(0o555)
    before = project.media.stat().st_mtime_ns
    project.back_up()
    assert project.media.stat().st_mtime_ns == before


def test_a_file_that_vanishes_meanwhile_is_left_out(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "list_media", lambda _root: ["a.txt", os.fsdecode(b"gone \xff")])
    assert project.back_up().media_files == 1
    assert "gone \N{REPLACEMENT CHARACTER} vanished" in project.said.getvalue()


def changing(project: Project, monkeypatch: pytest.MonkeyPatch, *, times: int) -> None:
    """Rewrite a.txt, with the same length, after each of n reads."""
    left = iter(range(times))

    def read_and_write(path: Path) -> Checksums:
        found = checksums(path)
        real = path.resolve()
        if real.name == "a.txt" and (number := next(left, None)) is not None:
            real.write_text(f"{number:05}")
        return found

    monkeypatch.setattr(media, "checksums", read_and_write)


def test_a_file_that_is_just_being_written_is_read_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    changing(project, monkeypatch, times=2)
    assert replaced_by_their_backup(project)["a.txt"] == b"00001"
    project.verify()


def test_a_file_that_changes_all_the_time_is_named(
    embedded: Project, folder_store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing(embedded, monkeypatch, times=100)
    with pytest.raises(BackupError, match=r"a\.txt changes all the time"):
        embedded.back_up()
    for stored in embedded.store.list("v1/app/media/"):  # b.txt, if it was read before the backup ended
        found = checksums(folder_store.root / stored.name)
        assert stored.name.endswith(f"/{found.sha256}"), "the name is of other contents"


def test_empty_media_stay_empty(project: Project) -> None:
    for name in ("a.txt", "b.txt"):
        (project.media / name).unlink()
    assert replaced_by_their_backup(project) == {}


def test_folders_of_media_that_are_left_out_go_too(tmp_path: Path) -> None:
    """Their names may be personal data."""
    for name in ("jane.doe@example.com/letters/1.pdf", "public/logo.png", "public/joe/2.pdf"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "link").symlink_to("public")
    assert media.keep_only(tmp_path, {"public/logo.png", "link"}) == 2
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == [
        "link",
        "public",
        "public/logo.png",
    ]
