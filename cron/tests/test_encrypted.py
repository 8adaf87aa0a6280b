"""Encrypted backups: whoever has the key restores them, nobody else reads them."""

from pathlib import Path

import pytest
from backup_system.errors import BackupError, WrongUseError
from project import Configure, Project, files, note, notes
from pyrage import x25519

pytestmark = pytest.mark.usefixtures("without_django")


@pytest.fixture
def identity() -> x25519.Identity:
    """Return a private key."""
    return x25519.Identity.generate()


@pytest.fixture
def writer(embedded: Project, configure: Configure, identity: x25519.Identity) -> Project:
    """Return a project that can write its backups, and not read them, as PROD should be."""
    note(embedded, "a secret")
    (embedded.media / "secret.txt").write_text("a secret")
    return Project(configure(BACKUP_AGE_RECIPIENTS=str(identity.to_public())), embedded.store)


def reader(writer: Project, configure: Configure, identity: x25519.Identity) -> Project:
    """Return the project with the key."""
    return Project(configure(BACKUP_AGE_IDENTITY=f"# a comment\n{identity}\n"), writer.store)


def test_the_key_restores_it(writer: Project, configure: Configure, identity: x25519.Identity) -> None:
    writer.back_up()
    media = files(writer.media)
    note(writer, "since then")
    (writer.media / "secret.txt").write_text("since then")
    reader(writer, configure, identity).restore()
    assert notes(writer) == ["one", "two", "a secret"]
    assert files(writer.media) == media


def test_no_object_says_what_is_in_it(writer: Project, tmp_path: Path) -> None:
    manifest = writer.back_up()
    assert manifest.encrypted
    stored = [path for path in (tmp_path / "a folder of backups").rglob("*") if path.is_file()]
    assert len(stored) > 4
    for path in stored:
        data = path.read_bytes()
        assert b"a secret" not in data
        assert b"secret.txt" not in data
        assert b"notes" not in data


@pytest.mark.parametrize("work", ["restore", "verify"])
def test_without_the_key_nothing_is_fetched(writer: Project, work: str) -> None:
    writer.back_up()
    with pytest.raises(BackupError, match=r"no key to read it.*BACKUP_AGE_IDENTITY"):
        getattr(writer, work)()
    assert writer.remains == []


def test_with_another_key_nothing_changes(writer: Project, configure: Configure) -> None:
    writer.back_up()
    note(writer, "since then")
    stranger = reader(writer, configure, x25519.Identity.generate())
    with pytest.raises(BackupError, match=r"v1/app/embedded/.*\.age cannot be decrypted .*another key"):
        stranger.restore()
    assert notes(writer)[-1] == "since then"
    assert writer.remains == []


def test_each_of_several_keys_opens_it(writer: Project, configure: Configure, identity: x25519.Identity) -> None:
    other = x25519.Identity.generate()
    both = f"{identity.to_public()} {other.to_public()}"
    Project(configure(BACKUP_AGE_RECIPIENTS=both), writer.store).back_up()
    reader(writer, configure, identity).verify()
    reader(writer, configure, other).verify()


def test_what_is_no_key_is_refused(configure: Configure) -> None:
    with pytest.raises(WrongUseError, match="BACKUP_AGE_RECIPIENTS or BACKUP_AGE_IDENTITY"):
        _ = configure(BACKUP_AGE_RECIPIENTS="age1nonsense").encryption
