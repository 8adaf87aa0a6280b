"""PostgreSQL in a bucket of Google Cloud Storage, encrypted."""

import os
from pathlib import Path

import pytest
from bedplate.backup.stores.google import GoogleStore
from picture import client, connect, picture
from project import MakeProject, files
from pyrage import x25519

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("without_django")]

FILE = Path(__file__).parent / "round_trips/large_objects.sql"


def test_an_encrypted_backup_comes_back_from_a_bucket(make_project: MakeProject, google_store: GoogleStore) -> None:
    identity = x25519.Identity.generate()
    keys = {"BACKUP_AGE_RECIPIENTS": str(identity.to_public()), "BACKUP_AGE_IDENTITY": str(identity)}
    project = make_project(**keys).with_store(google_store)
    client("psql", project.configuration.variables, "--quiet", "--set=ON_ERROR_STOP=on", f"--file={FILE}")
    (project.media / "large").write_bytes(os.urandom(9_000_000))
    before = picture(project.configuration.variables), files(project.media)
    manifest = project.back_up()
    assert all(file.object.endswith((".age", "media.txt")) for file in manifest.files.values())
    project.verify()
    with connect(project.configuration.variables) as connection:
        connection.execute("SELECT lo_unlink(100003); DROP TABLE scans")
    (project.media / "large").unlink()
    project.restore()
    assert (picture(project.configuration.variables), files(project.media)) == before
