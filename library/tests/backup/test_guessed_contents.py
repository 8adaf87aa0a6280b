"""An outsider who reads the whole store, without the key, cannot test guesses of an encrypted backup's contents."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from bedplate.backup.errors import UnusableBackupError
from bedplate.backup.manifest import Manifest
from bedplate.backup.stores import Store
from edited import change_contents, change_manifest
from outsider import PIN, PINS, found_by_checksum, guesses, readable
from project import Configure, Project, database_file
from pyrage import x25519

pytestmark = pytest.mark.usefixtures("without_django")


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, folder_store: Store, configure: Configure) -> Store:
    """Return a folder, then a bucket, which stores checksums and other metadata."""
    if request.param == "folder":
        return folder_store
    return configure(BACKUP_URL=request.getfixturevalue("gcs")).open_store()


@pytest.fixture
def plain(configure: Configure, store: Store) -> Project:
    """Return a project without encryption, with a PIN in a table of one row, and in a file."""
    project = Project(configure(BACKUP_URL=store.url), store)
    (project.media / "pin.txt").write_text(PIN)
    with closing(sqlite3.connect(database_file(project), autocommit=True)) as connection:
        connection.executescript(f"CREATE TABLE pins (pin text); INSERT INTO pins VALUES ('{PIN}');")
    return project


@pytest.fixture
def encrypted(plain: Project, configure: Configure, identity: x25519.Identity) -> Project:
    """Return the same project with encryption, and with the private key."""
    keys = {"BACKUP_AGE_RECIPIENTS": str(identity.to_public()), "BACKUP_AGE_IDENTITY": str(identity)}
    return Project(configure(**keys), plain.store)


def opened(project: Project, manifest: Manifest, path: Path) -> dict[str, bytes]:
    """Return the decrypted files of a backup."""
    found = {}
    for name, file in manifest.files.items():
        project.session.transfer.download(file, path)
        found["database" if name.startswith("database/") else name] = path.read_bytes()
    return found


def test_no_checksum_of_guessed_contents_is_found(encrypted: Project, plain: Project, tmp_path: Path) -> None:
    """10,000 PINs are tried for the database's file and media. In an unencrypted backup, the search finds the PIN."""
    manifest = encrypted.back_up()
    encrypted.verify()
    seen = readable(encrypted)
    files = opened(encrypted, manifest, tmp_path / "file")
    secret = [
        (name, data) for name, data in files.items() if name != "media.txt"
    ]  # which contains only names of objects
    assert len(secret) == 2
    assert found_by_checksum(seen, guesses(files["database"])) == set()
    assert found_by_checksum(seen, [(pin, pin.encode()) for pin in PINS]) == set()
    assert found_by_checksum(seen, secret) == set()

    unencrypted = plain.back_up()
    assert opened(plain, unencrypted, tmp_path / "file")["database"] == files["database"]
    seen = readable(plain)
    assert found_by_checksum(seen, guesses(files["database"])) == {PIN}
    assert found_by_checksum(seen, [(pin, pin.encode()) for pin in PINS]) == {PIN}


def test_names_of_the_dumps_files_are_not_shown(encrypted: Project) -> None:
    """pg_dump's file names may contain numbers from the data."""
    manifest = encrypted.back_up()
    assert set(manifest.files) == {"database/1", "contents.json", "media.txt"}
    assert b"sqlite3" not in readable(encrypted)


@pytest.mark.parametrize("store", ["folder"], indirect=True)
@pytest.mark.parametrize("said", [True, False], ids=["", "edited to be called unencrypted"])
def test_what_a_verification_found_is_not_shown(encrypted: Project, tmp_path: Path, said: bool) -> None:
    """Errors name tables, roles and rows: only the output shows them, not the store."""
    manifest = encrypted.back_up()
    encrypted.verify()
    contents = opened(encrypted, manifest, tmp_path / "file")["contents.json"].decode()
    assert '"pins": 1' in contents
    change_contents(encrypted, manifest, contents.replace('"pins": 1', '"pins": 2'))
    change_manifest(encrypted, manifest, honest=True, encrypted=said)
    assert b"restored and compared" in readable(encrypted)
    with pytest.raises(UnusableBackupError, match="rows of pins: 2 before, 1 restored"):
        encrypted.verify()
    seen = readable(encrypted)
    assert b"the reason is only in the output of that command" in seen
    assert b"pins" not in seen
