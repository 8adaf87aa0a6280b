"""An encrypted dump of PostgreSQL shows only sizes, and its files cannot be exchanged."""

import re
from pathlib import Path

import pytest
from bedplate.backup.errors import UnusableBackupError
from bedplate.backup.manifest import Manifest
from edited import stored
from outsider import PIN, found_by_checksum, guesses, readable
from picture import connect, picture
from project import MakeProject, Project
from psycopg import sql
from pyrage import x25519

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("without_django")]

LARGE_OBJECT = 3141592653
"""An OID chosen by the application."""


@pytest.fixture
def plain(superusers_project: Project, role: str) -> Project:
    """Return a project without encryption, whose tables, one of them with a PIN, belong to a role."""
    project = superusers_project
    with connect(project.configuration.variables) as connection:
        connection.execute(f"CREATE TABLE pins AS SELECT '{PIN}' AS pin")
        connection.execute("CREATE TABLE wages AS SELECT '12345' AS wage")
        connection.execute("SELECT lo_from_bytea(%s, 'x')", [LARGE_OBJECT])
        for table in ("pins", "wages"):
            change = sql.SQL("ALTER TABLE {} OWNER TO {}")
            connection.execute(change.format(sql.Identifier(table), sql.Identifier(role)))
    return project


@pytest.fixture
def encrypted(plain: Project, make_project: MakeProject, identity: x25519.Identity) -> Project:
    """Return the same project with encryption, and with the private key."""
    keys = {"BACKUP_AGE_RECIPIENTS": str(identity.to_public()), "BACKUP_AGE_IDENTITY": str(identity)}
    return make_project(plain.configuration.variables.postgres_db, **keys)


def opened(project: Project, manifest: Manifest, path: Path) -> list[bytes]:
    """Return the decrypted files of a backup's dump."""
    found = []
    for name, file in manifest.files.items():
        if name.startswith("database/"):
            project.session.transfer.download(file, path)
            found.append(path.read_bytes())
    return found


def test_no_checksum_of_a_guessed_table_is_found(encrypted: Project, plain: Project, tmp_path: Path) -> None:
    """10,000 PINs are tried for the table's file. In an unencrypted backup, the same search finds the PIN."""
    manifest = encrypted.back_up()
    encrypted.verify()
    seen = readable(encrypted)
    files = opened(encrypted, manifest, tmp_path / "file")
    unencrypted = plain.back_up()
    (table,) = (data for data in opened(plain, unencrypted, tmp_path / "file") if PIN.encode() in data)
    assert table in files
    assert found_by_checksum(seen, guesses(table)) == set()
    assert found_by_checksum(seen, [(str(number), data) for number, data in enumerate(files)]) == set()
    assert found_by_checksum(readable(plain), guesses(table)) == {PIN}


def test_no_name_of_the_database_is_shown(encrypted: Project, plain: Project, role: str) -> None:
    """No name of tables, roles, or large objects is shown: pg_dump uses their OIDs as file names."""
    encrypted.back_up()
    encrypted.verify()
    names = [b"pins", b"wages", role.encode(), str(LARGE_OBJECT).encode(), b".dat", b"toc.dat"]
    assert [name for name in names if name in readable(encrypted)] == []
    plain.back_up()
    shown = readable(plain)
    assert [name for name in names if name not in shown.replace(b'\\"', b'"')] == []


def test_files_that_changed_places_are_noticed(encrypted: Project) -> None:
    manifest = encrypted.back_up()
    before = picture(encrypted.configuration.variables)
    names = sorted(manifest.files.keys() - {"contents.json", "media.txt"})
    for name, next_name in zip(names, names[1:] + names[:1], strict=True):
        one, other = (stored(encrypted, manifest, f"{each}.age") for each in (name, next_name))
        data, other_data = one.read_bytes(), other.read_bytes()
        one.write_bytes(other_data)
        other.write_bytes(data)
        for work in (encrypted.restore, encrypted.verify):
            with pytest.raises(
                UnusableBackupError, match=rf"/({re.escape(name)}|{re.escape(next_name)})\.age is damaged"
            ):
                work()
        one.write_bytes(data)
        other.write_bytes(other_data)
    assert picture(encrypted.configuration.variables) == before
    encrypted.verify()
    encrypted.restore()
    assert picture(encrypted.configuration.variables) == before
