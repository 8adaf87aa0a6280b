"""Objects of an encrypted backup that are not its own: found and named before they are decrypted."""

import json
import re
from collections.abc import Callable
from typing import Any, Final

import pyrage
import pytest
from bedplate.backup.errors import UnusableBackupError
from bedplate.backup.manifest import Manifest
from dated import media_of
from edited import change_contents, refused, stored
from project import Configure, Project, note
from pyrage import x25519

pytestmark = pytest.mark.usefixtures("without_django")

OBJECTS: Final = ("database/1.age", "contents.json.age")


@pytest.fixture
def project(embedded: Project, configure: Configure, identity: x25519.Identity) -> Project:
    """Return a project that encrypts its backups, and has the key too."""
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
    saying = rf"{backup.name}/({'|'.join(map(re.escape, names))}) is damaged: (it has another checksum|\d+ bytes)"
    refused(project, saying=saying, wanted=f"{project.store.url}/{backup.name}")
    stranger = Project(configure(BACKUP_AGE_IDENTITY=str(x25519.Identity.generate())), project.store)
    for name in names:
        file = backup.files[name.removesuffix(".age")]
        with pytest.raises(UnusableBackupError, match=saying):
            stranger.session.transfer.download(file, project.configuration.work.with_name("fetched"))


def of_the_same_size(plain: bytes, recipient: x25519.Recipient, size: int) -> bytes:
    """Return this encrypted, as large as another object: the size of what age adds differs each time."""
    encrypted = b""
    while len(encrypted) != size:
        encrypted = pyrage.encrypt(plain, [recipient])
    return encrypted


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_of_the_same_size_that_the_key_opens_is_noticed(
    project: Project, backup: Manifest, configure: Configure, identity: x25519.Identity, name: str
) -> None:
    """Even one of the same contents: the public key is enough to make it."""
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
    """Their checksums are those of the files, in the encrypted contents: so they are decrypted before."""
    name = sorted(media_of(project, backup))[0]
    data, _ = project.store.read(name)
    other = bytes(reversed(pyrage.decrypt(data, [identity])))
    project.store.write(name, of_the_same_size(other, identity.to_public(), len(data)))
    refused(project, saying=rf"{re.escape(name)} is damaged: it has another checksum")


def decrypted_contents(project: Project, backup: Manifest, identity: x25519.Identity) -> dict[str, Any]:
    """Return what the contents of a backup say."""
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
        ({"../1": "database.sqlite3"}, "other files than its contents.json names"),
        (["database.sqlite3"], "cannot be read"),
        ({"2": "database.sqlite3"}, "other files than its contents.json names"),
        ({"1": "database.sqlite3", "2": "database.sqlite3"}, "other files than its contents.json names"),
    ],
)
def test_names_of_the_dumps_files_lead_nowhere_else(
    project: Project, backup: Manifest, identity: x25519.Identity, dump_files: object, saying: str
) -> None:
    """Anyone with the public key can encrypt contents."""
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
