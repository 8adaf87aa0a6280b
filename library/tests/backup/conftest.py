"""Fixtures shared by the tests of the backup package: an environment, and stores."""

import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import command
import pytest
from accounts import Bucket
from bedplate.backup.configuration import Configuration, read_configuration
from bedplate.backup.django_commands import project_folder
from bedplate.backup.stores.folder import FolderStore
from bedplate.backup.stores.google import GoogleStore
from bedplate.backup.trust import SIGNERS
from bedplate.testing.fake_gcs import FakeGcs, fake_gcs
from bedplate.testing.oauth_server import OAuthServer
from bucket_uploads import MEDIA
from fake_person import FakePerson
from fault_proxy import FaultProxy
from google.auth.credentials import AnonymousCredentials
from iam import Grant, Iam, grants, roles
from preconditions import Preconditions
from project import Believe, Configure, Project, database_file
from pyrage import x25519

OURS = ("BACKUP_", "CLOUDSDK_", "GOOGLE_", "POSTGRES_", "STORAGE_")


def pytest_configure() -> None:
    """Make the programs under test receive Ctrl-C: a shell's background processes ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Isolate the tests from this machine's environment."""
    for name in filter(lambda name: name.startswith(OURS), list(os.environ)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("ENVIRONMENT", "embedded")
    monkeypatch.setenv("SECRET_KEY", "only-for-tests-only-for-tests-only")
    monkeypatch.setenv("DATA_DIRECTORY", str(tmp_path / "data"))
    monkeypatch.setenv("GOOGLE_CREDENTIALS", str(tmp_path / "credentials/credentials.json"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def believe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Believe:
    """Return a function that writes the project's list of trusted keys, for later configurations and commands."""
    folder, web = tmp_path / "project", project_folder()

    def write(*lines: str) -> None:
        if not folder.exists():
            shutil.copytree(web / "config", folder / "config", ignore=shutil.ignore_patterns("__pycache__"))
            (folder / "manage.py").symlink_to(web / "manage.py")
        (folder / "config" / SIGNERS).write_text("".join(f"{line}\n" for line in lines))
        monkeypatch.setenv(command.PROJECT_FOLDER, str(folder))
        monkeypatch.setattr("bedplate.backup.configuration.project_folder", lambda: folder)

    return write


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Return a function that makes a configuration from variables, in addition to those of every test."""

    def make(**variables: str) -> Configuration:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return read_configuration()

    return make


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[FakeGcs]:
    """Return the server that all tests share."""
    with fake_gcs() as server:
        yield server


@pytest.fixture
def gcs(gcs_server: FakeGcs, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of an empty bucket on the fake Google Cloud Storage that the client uses."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_server.url)
    return gcs_server.make_bucket()


@pytest.fixture
def proxy(gcs: str, gcs_server: FakeGcs, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """Return the proxy that the client uses instead of the storage."""
    with FaultProxy(gcs_server.url) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.url)
        yield proxy


@pytest.fixture
def google_store(gcs: str) -> GoogleStore:
    """Return an empty bucket as a store."""
    return GoogleStore(gcs, AnonymousCredentials())


@pytest.fixture
def folder_store(tmp_path: Path) -> FolderStore:
    """Return an empty folder as a store."""
    folder = tmp_path / "a folder of backups"
    folder.mkdir()
    return FolderStore(folder.as_uri())


@pytest.fixture
def oauth(monkeypatch: pytest.MonkeyPatch) -> Iterator[OAuthServer]:
    """Return a running OAuth server, with the project's OAuth client."""
    with OAuthServer() as server:
        for name, value in server.variables.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def guarded(gcs: str, proxy: FaultProxy, oauth: OAuthServer, configure: Configure) -> Configuration:
    """Return a project whose backups go to a bucket that requires a token of the OAuth server."""
    proxy.accepts = oauth.issuer.accepts
    return configure(BACKUP_URL=gcs)


@pytest.fixture
def person() -> Iterator[FakePerson]:
    """Return a person at a terminal."""
    person = FakePerson()
    yield person
    person.leave()


@pytest.fixture
def identity() -> x25519.Identity:
    """Return a private key."""
    return x25519.Identity.generate()


@pytest.fixture
def without_django(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make restores skip Django's commands: these tests are not about Django's tables."""
    monkeypatch.setattr("bedplate.backup.staging.manage", lambda *_, **__: "")


@pytest.fixture
def embedded(configure: Configure, folder_store: FolderStore) -> Project:
    """Return a project in embedded mode, with a database like Django's, and two media files."""
    project = Project(configure(BACKUP_URL=folder_store.url), folder_store)
    (project.media / "a.txt").write_text("first")
    (project.media / "b.txt").write_text("second")
    with closing(sqlite3.connect(database_file(project), autocommit=True)) as connection:
        connection.executescript("""
            PRAGMA journal_mode = wal;
            CREATE TABLE notes (id integer PRIMARY KEY AUTOINCREMENT, note text NOT NULL);
            CREATE INDEX by_note ON notes (note);
            INSERT INTO notes (note) VALUES ('one'), ('two');
        """)
    return project


@pytest.fixture
def bucket(gcs: str, gcs_server: FakeGcs, proxy: FaultProxy, embedded: Project, configure: Configure) -> Bucket:
    """Return a bucket whose accounts have the rights of the how-to; `owner` has all rights."""
    everything = frozenset(permission for role in roles().values() for permission in role)
    iam = Iam(gcs_server.url, grants() | {"owner": [Grant(everything)]})
    proxy.judge = iam.judge
    return Bucket(gcs, proxy, iam, Path(os.environ["GOOGLE_CREDENTIALS"]), configure, embedded)


@pytest.fixture
def uploads(gcs: str, gcs_server: FakeGcs, proxy: FaultProxy) -> GoogleStore:
    """Return the bucket of the uploads, with a few, in a folder beside foreign objects."""
    proxy.judge = Preconditions(gcs_server.url).judge
    GoogleStore(gcs, AnonymousCredentials()).write("elsewhere/x", b"not ours")
    store = GoogleStore(f"{gcs}/site", AnonymousCredentials())
    for name, content in MEDIA.items():
        store.write(name, content)
    return store


@pytest.fixture
def in_bucket(embedded: Project, uploads: GoogleStore, gcs_server: FakeGcs, configure: Configure) -> Project:
    """Return a project with uploads in a bucket, and backups in another one."""
    url = gcs_server.make_bucket()
    return Project(configure(BACKUP_URL=url, MEDIA_URL=uploads.url), GoogleStore(url, AnonymousCredentials()))
