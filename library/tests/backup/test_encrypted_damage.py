"""Foreign objects in an encrypted backup are found and named before they are decrypted."""

import json
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pyrage
import pytest
from bedplate.backup.errors import UnusableBackupError
from bedplate.backup.manifest import Manifest
from dated import media_of
from edited import change_contents, change_manifest, refused, stored
from project import Configure, Project, note
from pyrage import x25519

pytestmark = pytest.mark.usefixtures("without_django")

OBJECTS: Final = ("database/1.age", "contents.json.age")


@pytest.fixture
def project(embedded: Project, configure: Configure, identity: x25519.Identity) -> Project:
    """Return a project that encrypts its backups, with the private key."""
    keys = {"BACKUP_AGE_RECIPIENTS": str(identity.to_public()), "BACKUP_AGE_IDENTITY": str(identity)}
    return Project(configure(**keys), embedded.store)


@pytest.fixture
def backup(project: Project) -> Manifest:
    """Return a backup; since then, the live database and media have changed."""
    manifest = project.back_up()
    note(project, "since then")
    (project.media / "a.txt").write_text("since then")
    return manifest


def refused_before_decrypting(project: Project, backup: Manifest, configure: Configure, *names: str) -> None:
    """Fail unless these objects are found damaged, with the key and with a wrong one, and nothing has changed."""
    saying = rf"{backup.name}/({'|'.join(map(re.escape, names))}) is damaged: (its checksum has changed|\d+ bytes)"
    refused(project, saying=saying, wanted=f"{project.store.url}/{backup.name}")
    stranger = Project(configure(BACKUP_AGE_IDENTITY=str(x25519.Identity.generate())), project.store)
    for name in names:
        file = backup.files[name.removesuffix(".age")]
        with pytest.raises(UnusableBackupError, match=saying):
            stranger.session.transfer.download(file, project.configuration.work.with_name("fetched"))


def of_the_same_size(plain: bytes, recipient: x25519.Recipient, size: int) -> bytes:
    """Encrypt data to the size of another object: the overhead of age differs each time."""
    encrypted = b""
    while len(encrypted) != size:
        encrypted = pyrage.encrypt(plain, [recipient])
    return encrypted


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_of_the_same_size_that_the_key_opens_is_noticed(
    project: Project, backup: Manifest, configure: Configure, identity: x25519.Identity, name: str
) -> None:
    """Even one with the same contents is found: anyone with the public key can make it."""
    path = stored(project, backup, name)
    plain = pyrage.decrypt(path.read_bytes(), [identity])
    path.write_bytes(of_the_same_size(plain, identity.to_public(), path.stat().st_size))
    refused_before_decrypting(project, backup, configure, name)


def test_two_objects_that_changed_places_are_noticed(project: Project, backup: Manifest, configure: Configure) -> None:
    one, other = (stored(project, backup, name) for name in OBJECTS)
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)
    refused_before_decrypting(project, backup, configure, *OBJECTS)


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_of_another_backup_is_noticed(
    project: Project, backup: Manifest, configure: Configure, name: str
) -> None:
    newer = project.back_up()
    stored(project, newer, name).write_bytes(stored(project, backup, name).read_bytes())
    refused_before_decrypting(project, newer, configure, name)


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data[:0]], ids=["by one byte", "to nothing"])
@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_that_was_cut_short_is_noticed(
    project: Project, backup: Manifest, configure: Configure, name: str, change: Callable[[bytes], bytes]
) -> None:
    path = stored(project, backup, name)
    path.write_bytes(change(path.read_bytes()))
    refused_before_decrypting(project, backup, configure, name)


def test_media_objects_of_other_contents_are_noticed(
    project: Project, backup: Manifest, identity: x25519.Identity
) -> None:
    """They are decrypted first, because the encrypted contents have only the checksums of the files."""
    name = sorted(media_of(project, backup))[0]
    data, _ = project.store.read(name)
    other = bytes(reversed(pyrage.decrypt(data, [identity])))
    project.store.write(name, of_the_same_size(other, identity.to_public(), len(data)))
    refused(project, saying=rf"{re.escape(name)} is damaged: its checksum has changed")


def decrypted_contents(project: Project, backup: Manifest, identity: x25519.Identity) -> dict[str, Any]:
    """Return the contents of a backup."""
    data = pyrage.decrypt(stored(project, backup, "contents.json.age").read_bytes(), [identity])
    contents: dict[str, Any] = json.loads(data)
    return contents


@pytest.mark.parametrize(
    ("dump_files", "saying"),
    [
        ({"1": "../outside"}, "cannot be read"),
        ({"1": "/outside"}, "cannot be read"),
        ({"1": ".."}, "cannot be read"),
        ({"1": "a/b"}, "cannot be read"),
        ({"1": ""}, "cannot be read"),
        ({"1": 1}, "cannot be read"),
        ({"1": "x" * 200}, "cannot be read"),
        ({"../1": "database.sqlite3"}, "not those that its contents.json lists"),
        (["database.sqlite3"], "cannot be read"),
        ({"2": "database.sqlite3"}, "not those that its contents.json lists"),
        ({"1": "database.sqlite3", "2": "database.sqlite3"}, "not those that its contents.json lists"),
    ],
)
def test_names_of_the_dumps_files_lead_nowhere_else(
    project: Project, backup: Manifest, identity: x25519.Identity, dump_files: object, saying: str
) -> None:
    """Anyone with the public key could encrypt such contents."""
    contents = decrypted_contents(project, backup, identity) | {"dump_files": dump_files}
    change_contents(project, backup, json.dumps(contents))
    refused(project, saying=saying)


@pytest.mark.parametrize("checksums", [{}, {"sha256": "0" * 64, "stored_sha256": "0" * 64}, {"stored_sha256": 1}])
def test_a_file_has_one_checksum(
    project: Project, backup: Manifest, identity: x25519.Identity, checksums: dict[str, object]
) -> None:
    contents = decrypted_contents(project, backup, identity)
    file = contents["media"][0]["stored"]
    del file["sha256"]
    file |= checksums
    change_contents(project, backup, json.dumps(contents))
    with pytest.raises(UnusableBackupError, match=r"contents\.json cannot be read.*sha256"):
        project.verify()


def planted(project: Project, carrier: Manifest, objects: dict[str, str]) -> None:
    """Make a readable backup list these objects as its media, each with the checksum of the stored object."""
    root = project.configuration.url.removeprefix("file://").replace("%20", " ")
    contents = json.loads(stored(project, carrier, "contents.json").read_bytes())
    for path, name in objects.items():
        data = Path(root, name).read_bytes()
        described = {"object": name, "size": 1, "stored_size": len(data), "stored_sha256": sha256(data).hexdigest()}
        contents["media"].append({"path": path, "link": None, "stored": described})
    change_contents(project, carrier, json.dumps(contents))


@pytest.mark.parametrize("what", ["media", "database"])
def test_no_one_has_an_object_decrypted_by_a_machine_with_the_key(
    embedded: Project, project: Project, identity: x25519.Identity, configure: Configure, what: str
) -> None:
    """Someone with write access but without the key edits a readable backup: its media are encrypted objects."""
    readable = Project(configure(BACKUP_AGE_RECIPIENTS="", BACKUP_AGE_IDENTITY=str(identity)), embedded.store)
    carrier, encrypted = readable.back_up(), project.back_up()
    name = encrypted.files["database/1"].object
    if what == "media":
        media = project.session.transfer.store.list("v1/app/media/")
        name = next(each.name for each in media if each.name.endswith(".age"))
    planted(readable, carrier, {"public/open.txt": name})
    saying = "cannot be read|media of another project"
    refused(readable, saying=saying, wanted=f"{project.store.url}/{carrier.name}")


def test_a_drill_answers_no_guess(project: Project, backup: Manifest) -> None:
    """With the file's checksum instead of the object's, a passed drill would confirm a guess."""
    described = json.loads(stored(project, backup, "manifest.json").read_bytes())["files"]
    with project.session.work_directory.scratch() as scratch:
        project.session.transfer.download(backup.files["database/1"], scratch / "dump")
        described["database/1"]["sha256"] = sha256((scratch / "dump").read_bytes()).hexdigest()
    del described["database/1"]["stored_sha256"]
    change_manifest(project, backup, honest=True, files=described)
    refused(project, saying="checksums of two kinds", wanted=f"{project.store.url}/{backup.name}")


def test_an_object_of_another_backup_is_refused_by_its_name(project: Project, backup: Manifest) -> None:
    """A restore uses only the objects of its backup."""
    described = json.loads(stored(project, backup, "manifest.json").read_bytes())["files"]
    other = json.loads(stored(project, project.back_up(), "manifest.json").read_bytes())["files"]
    change_manifest(project, backup, honest=True, files=described | {"database/1": other["database/1"]})
    refused(project, saying="names an object that is not its own", wanted=f"{project.store.url}/{backup.name}")
