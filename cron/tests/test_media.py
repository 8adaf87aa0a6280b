"""Media files come back as they were, whatever they are called and contain."""

import os
import socket
from pathlib import Path

import pytest
from backup_system import media
from backup_system.checksums import Checksums, checksums
from backup_system.errors import BackupError
from backup_system.stores import StoredObject
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
    """Return a project that encrypts its backups, or does not."""
    if request.param == "plain":
        return embedded
    identity = x25519.Identity.generate()
    keys = {"BACKUP_AGE_RECIPIENTS": str(identity.to_public()), "BACKUP_AGE_IDENTITY": str(identity)}
    return Project(configure(**keys), embedded.store)


def replaced_by_their_backup(project: Project) -> dict[str, bytes | str]:
    """Return the media after they were backed up, all changed, and restored."""
    project.back_up()
    for name in media.list_media(project.media):
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


def test_links_stay_links(project: Project, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/secret").write_text("not ours")
    (project.media / "folder").mkdir()
    (project.media / "folder/file").write_text("x")
    for name, target in {
        "to a file": "folder/file",
        "to a folder": "folder",
        "folder/up": "..",
        "dangling": "nowhere at all",
        "outside": str(tmp_path / "elsewhere"),
        "not UTF-8": os.fsdecode(b"\xff"),
    }.items():
        (project.media / name).symlink_to(target)
    before = files(project.media)
    assert replaced_by_their_backup(project) == before
    assert (project.media / "outside/secret").read_text() == "not ours"


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
    """Have a.txt written, as long as before, whenever it has just been read, so many times."""
    left = iter(range(times))

    def read_and_write(path: Path) -> Checksums:
        found = checksums(path)
        if path.name == "a.txt" and (number := next(left, None)) is not None:
            path.write_text(f"{number:05}")
        return found

    monkeypatch.setattr(media, "checksums", read_and_write)


def test_a_file_that_is_just_being_written_is_read_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    changing(project, monkeypatch, times=2)
    assert replaced_by_their_backup(project)["a.txt"] == b"00001"
    project.verify()


def test_a_file_that_changes_all_the_time_is_named(embedded: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    changing(embedded, monkeypatch, times=100)
    with pytest.raises(BackupError, match=r"a\.txt changes all the time"):
        embedded.back_up()
    names = [stored.name for stored in embedded.store.list("v1/app/media/")]
    assert len(names) == 1, "an object is called by contents that it has not"


def test_empty_media_stay_empty(project: Project) -> None:
    for name in ("a.txt", "b.txt"):
        (project.media / name).unlink()
    assert replaced_by_their_backup(project) == {}
