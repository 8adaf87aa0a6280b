"""Backups of earlier releases, and new backups read by earlier releases."""

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import command
import pytest
from bedplate.backup.errors import BackupError
from bedplate.backup.manifest import digest
from bedplate.backup.names import MANIFEST
from bedplate.backup.stores.folder import FolderStore
from dated import stored_backups, stored_media
from edited import change_manifest, refused, stored
from project import Configure, Project, database_file
from pyrage import x25519

pytestmark = pytest.mark.usefixtures("without_django")

# A backup of release 1.0, with its key: readable objects as text, encrypted objects in base64.
FORMAT_1: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("encrypted_format_1.json").read_text())
NAME: Final = "v1/app/embedded/20261126T205150Z-eea075"


@pytest.fixture
def earlier(configure: Configure, folder_store: FolderStore) -> Project:
    """Return a project with a database, and a store with one encrypted backup of release 1.0."""
    for name, text in FORMAT_1["objects"].items():
        folder_store.write(name, base64.b64decode(text) if name.endswith(".age") else text.encode())
    identity = x25519.Identity.from_str(FORMAT_1["identity"])
    keys = {"BACKUP_AGE_RECIPIENTS": str(identity.to_public()), "BACKUP_AGE_IDENTITY": str(identity)}
    project = Project(configure(BACKUP_URL=folder_store.url, **keys), folder_store, accept_unsigned=True)
    (project.media / "a.txt").write_text("since then")
    with closing(sqlite3.connect(database_file(project), autocommit=True)) as connection:
        connection.executescript("PRAGMA page_size = 512; CREATE TABLE notes (note text);")  # the time of the backup
    return project


def test_an_encrypted_backup_of_release_1_0_is_listed_and_verified(earlier: Project) -> None:
    earlier.verify(f"{earlier.store.url}/{NAME}")
    (listed,) = json.loads(command.run("-l", "--json").stdout)
    assert (listed["url"], listed["encrypted"]) == (f"{earlier.store.url}/{NAME}", True)
    assert (listed["verified"], listed["signed"], listed["damage"]) == (False, False, None)
    assert "restored and compared" in listed["verification"]


def test_an_encrypted_backup_of_release_1_0_is_restored(earlier: Project) -> None:
    earlier.restore(f"{earlier.store.url}/{NAME}")
    with closing(sqlite3.connect(database_file(earlier))) as connection:
        assert connection.execute("SELECT note FROM notes").fetchall() == [("4711",)]
    assert {path.name: path.read_text() for path in earlier.media.iterdir()} == {"a.txt": "first"}


def test_an_encrypted_backup_of_release_1_0_is_pruned_with_its_media(earlier: Project, configure: Configure) -> None:
    """It is pruned when a newer one is kept instead."""
    keep_one = {"BACKUP_KEEP_DAILY": "1", "BACKUP_KEEP_WEEKLY": "0", "BACKUP_KEEP_MONTHLY": "0"}
    project = Project(configure(**keep_one), earlier.store)
    media = stored_media(project)
    assert len(media) == 1
    with pytest.raises(BackupError, match="None of the backups of app's embedded is signed by a trusted key"):
        project.prune()
    assert (stored_backups(project), stored_media(project)) == ({NAME}, media)
    newer = project.back_up()
    project.prune()
    assert stored_backups(project) == {str(newer.name)}
    assert not stored_media(project) & media


def test_damage_to_an_encrypted_backup_of_release_1_0_is_named(earlier: Project) -> None:
    manifest = earlier.session.find(f"{earlier.store.url}/{NAME}")
    described = json.loads(earlier.store.read(manifest.name.object(MANIFEST))[0])["files"]
    described["database/database.sqlite3"]["sha256"] = "0" * 64
    change_manifest(earlier, manifest, honest=True, files=described)
    refused(earlier, saying="database.sqlite3.age is damaged: its checksum has changed")


def written(project: Project, name: str) -> Any:
    """Return the content of an object of a new backup."""
    return json.loads(stored(project, project.back_up(), name).read_bytes())


def test_release_1_0_can_read_an_unencrypted_backup(embedded: Project) -> None:
    """After a rollback, release 1.0 accepts only these names."""
    manifest, contents = written(embedded, "manifest.json"), written(embedded, "contents.json")
    assert manifest["format"] == 1
    assert manifest.keys() == {
        *("name", "format", "digest", "engine", "encrypted", "files"),
        *("database_size", "media_files", "media_size"),
    }
    assert manifest["files"].keys() == {"database/database.sqlite3", "contents.json", "media.txt"}
    assert contents.keys() == {"census", "media"}
    for file in (*manifest["files"].values(), *(media["stored"] for media in contents["media"])):
        assert file.keys() == {"object", "size", "sha256", "stored_size"}


def test_release_1_0_says_that_an_encrypted_backup_is_newer(
    embedded: Project, configure: Configure, identity: x25519.Identity
) -> None:
    """It checks the digest, then the number of the format, before anything else."""
    project = Project(configure(BACKUP_AGE_RECIPIENTS=str(identity.to_public())), embedded.store)
    manifest = written(project, "manifest.json")
    assert manifest.pop("digest") == digest(manifest)
    assert manifest["format"] == 2
