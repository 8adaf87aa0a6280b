"""Encrypted backups: only a machine with the key can restore and read them."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from bedplate.backup.errors import BackupError, WrongUseError
from dated import media_of, stored_media
from project import Configure, Project, files, note, notes
from pyrage import x25519

pytestmark = pytest.mark.usefixtures("without_django")


@pytest.fixture
def writer(embedded: Project, configure: Configure, identity: x25519.Identity) -> Project:
    """Return a project that can write its backups, but not read them, as PROD should be."""
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


def sent(project: Project) -> set[str]:
    """Make a backup, and return the names of the media that it added to the store."""
    before = stored_media(project)
    project.back_up()
    return stored_media(project) - before


@pytest.fixture(params=["folder", "bucket"])
def kept(request: pytest.FixtureRequest, writer: Project, configure: Configure) -> Project:
    """Return the project with its backups in a folder, then in a bucket, which lists checksums."""
    if request.param == "folder":
        return writer
    configuration = configure(BACKUP_URL=request.getfixturevalue("gcs"))
    return Project(configuration, configuration.open_store())


def test_media_are_sent_once_for_the_same_keys(kept: Project, configure: Configure, identity: x25519.Identity) -> None:
    """The order of the keys and duplicates do not matter."""
    other = x25519.Identity.generate().to_public()
    first = Project(configure(BACKUP_AGE_RECIPIENTS=f"{identity.to_public()} {other}"), kept.store)
    assert len(sent(first)) == 3
    assert sent(first) == set()
    again = Project(configure(BACKUP_AGE_RECIPIENTS=f"{other} {identity.to_public()} {other}"), kept.store)
    assert sent(again) == set()


def test_after_the_keys_were_rotated_the_new_one_alone_reads_the_next_backup(
    kept: Project, configure: Configure, identity: x25519.Identity
) -> None:
    """Only the old key reads earlier backups."""
    old = kept.back_up()
    new_identity = x25519.Identity.generate()
    rotated = Project(configure(BACKUP_AGE_RECIPIENTS=str(new_identity.to_public())), kept.store)
    new = rotated.back_up()
    reader(kept, configure, new_identity).verify(f"{kept.store.url}/{new.name}")
    with pytest.raises(BackupError, match="another key"):
        reader(kept, configure, new_identity).verify(f"{kept.store.url}/{old.name}")
    reader(kept, configure, identity).verify(f"{kept.store.url}/{old.name}")


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data[:0], lambda data: data + b"x"])
def test_what_is_not_as_large_as_its_name_promises_is_sent_again(
    kept: Project, configure: Configure, identity: x25519.Identity, change: Callable[[bytes], bytes]
) -> None:
    kept.back_up()
    name = sorted(stored_media(kept))[0]
    kept.store.write(name, change(kept.store.read(name)[0]))
    new = kept.back_up()
    assert len(stored_media(kept)) == 4
    assert len(media_of(kept, new) - {name}) == 3
    reader(kept, configure, identity).verify()


def test_what_a_bucket_lists_with_another_checksum_is_sent_again(
    writer: Project, configure: Configure, identity: x25519.Identity, gcs: str
) -> None:
    configuration = configure(BACKUP_URL=gcs)
    project = Project(configuration, configuration.open_store())
    project.back_up()
    name = sorted(stored_media(project))[0]
    data = bytearray(project.store.read(name)[0])
    data[-1] ^= 1
    project.store.write(name, bytes(data))
    assert name not in media_of(project, project.back_up())
    reader(project, configure, identity).verify()


def test_names_tell_nothing_to_who_has_not_the_secret_of_the_environment(writer: Project, configure: Configure) -> None:
    """The names match neither a guess of the contents nor another environment's names of the same contents."""
    name = media_of(writer, writer.back_up())
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in writer.media.iterdir()}
    assert len(digests) == len(name) == 3
    assert not any(digest in each for digest in digests for each in name)
    other = Project(configure(SECRET_KEY="of-another-environment-of-the-project"), writer.store)
    assert not {each[:80] for each in name} & {each[:80] for each in sent(other)}


def test_rotating_the_environments_secret_loses_nothing(
    writer: Project, configure: Configure, identity: x25519.Identity
) -> None:
    """Media are sent again; older backups still restore, and keep their media until they are pruned."""
    old = writer.back_up()
    earlier = os.environ["SECRET_KEY"]
    rotated = Project(configure(SECRET_KEY=f"the-next-key-of-this-environment-123\n{earlier}"), writer.store)
    new = rotated.back_up()
    assert not media_of(writer, old) & media_of(writer, new)
    with_key = reader(rotated, configure, identity)
    with_key.verify(f"{writer.store.url}/{old.name}")
    with_key.verify(f"{writer.store.url}/{new.name}")
    rotated.prune()
    assert stored_media(writer) == media_of(writer, new)


def test_backups_with_the_names_of_earlier_releases_restore(
    writer: Project, configure: Configure, identity: x25519.Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Media were `<sha256>.age`: a manifest names its own objects."""
    with monkeypatch.context() as patch:
        patch.setattr("bedplate.backup.encryption.Encryption.content_name", lambda _self, sha256: sha256)
        patch.setattr("bedplate.backup.media.name_of_media", lambda _transfer, folder, content, _sent: folder + content)
        old = writer.back_up()
    assert all(len(name.rpartition("/")[2]) == 68 for name in media_of(writer, old))
    new = writer.back_up()
    assert not media_of(writer, old) & media_of(writer, new)
    with_key = reader(writer, configure, identity)
    with_key.verify(f"{writer.store.url}/{old.name}")
    with_key.verify(f"{writer.store.url}/{new.name}")


def test_what_is_no_key_is_refused(configure: Configure) -> None:
    with pytest.raises(WrongUseError, match="BACKUP_AGE_RECIPIENTS or BACKUP_AGE_IDENTITY"):
        _ = configure(BACKUP_AGE_RECIPIENTS="age1nonsense").encryption
