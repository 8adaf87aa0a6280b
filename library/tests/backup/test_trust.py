"""Trust in a store that others write to: forged, edited, re-signed and expired backups."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import command
import pytest
from accounts import SERVER, Bucket
from bedplate.backup.errors import BackupError
from bedplate.backup.manifest import Manifest
from bedplate.backup.signatures import SigningKey, public_text
from dated import alarm, copied, record, remove, unsign, write_signed
from project import Believe, Configure, Project, note, notes

pytestmark = pytest.mark.usefixtures("without_django")

DAY: Final = timedelta(days=1)
THIEF: Final = SigningKey("a key that is in no list")
KNOWN: Final = SigningKey("a key that is named in the list")


def forged(project: Project, *, ago: timedelta = -timedelta(minutes=1), key: SigningKey = THIEF) -> Manifest:
    """Return a complete backup that is newer than all others, signed by another key."""
    true = project.session.find("latest")
    made = copied(project, true, datetime.now(UTC) - ago)
    write_signed(project, made, key=key)
    return made


def edit_signature(project: Project, manifest: Manifest) -> None:
    """Replace the signature by another backup's."""
    other = project.back_up()
    signature = project.store.read(other.name.object("manifest.json.sig"))[0]
    for stored in list(project.store.list(f"{other.name}/")):
        project.store.delete(stored.name)
    project.store.write(manifest.name.object("manifest.json.sig"), signature)


HARMS: Final[dict[str, Callable[[Project, Manifest], object]]] = {
    "is not signed": unsign,
    "was edited": edit_signature,
    "is signed by a key that web/config/backup_signers does not name for app/embedded": lambda project, made: (
        write_signed(project, made, key=THIEF)
    ),
}


@pytest.mark.parametrize(("said", "harm"), HARMS.items(), ids=list(HARMS))
def test_latest_takes_only_trusted_backups(
    embedded: Project, said: str, harm: Callable[[Project, Manifest], object]
) -> None:
    """It takes the newest trusted one, and reports the others; their URLs are refused without the option."""
    true = embedded.back_up()
    note(embedded, "later")
    false = embedded.back_up()
    harm(embedded, false)
    (embedded.configuration.work / "made.json").unlink()  # another machine has no record
    if "edited" in said:
        with pytest.raises(BackupError, match=f"{false.name} has a signature that does not match"):
            embedded.restore()  # an older one would be a surprise
        remove(embedded, false.name)
        assert embedded.restore().manifest.name == true.name
        return
    url = f"{embedded.store.url}/{false.name}"
    assert embedded.verify().name == true.name
    assert embedded.restore().manifest.name == true.name
    assert notes(embedded) == ["one", "two"]
    assert f"Skipped: {url} {said}" in embedded.said.getvalue()
    for work in (embedded.restore, embedded.verify):
        with pytest.raises(BackupError, match=f"{false.name} {said}.*--accept-unsigned"):
            work(url)
    assert notes(embedded) == ["one", "two"]
    replace(embedded, accept_unsigned=True).restore(url)
    assert notes(embedded) == ["one", "two", "later"]


def test_the_option_is_for_one_backup(embedded: Project) -> None:
    """`latest` never takes an unsigned one."""
    unsign(embedded, made := embedded.back_up())
    for wanted in ("latest", "latest:embedded"):
        result = command.run("--verify", wanted, "--accept-unsigned")
        assert result.returncode == 2
        assert "given by its URL" in result.stderr
    refused = command.run("--verify", "latest")
    assert refused.returncode == 1
    assert "no backup of embedded that is signed by a trusted key" in refused.stderr
    accepted = command.run("--verify", f"{embedded.store.url}/{made.name}", "--accept-unsigned")
    assert accepted.returncode == 0, accepted.stderr


def test_the_list_shows_it(embedded: Project) -> None:
    embedded.back_up()
    forged(embedded)
    [false, true] = command.run("-l").stdout.splitlines()[-2:]
    assert ("  no " in false, "  yes " in true) == (True, True)


def test_another_environments_key_is_no_key_for_this_one(
    embedded: Project, configure: Configure, believe: Believe
) -> None:
    """An attacker with DEV's trusted key writes a backup in PROD's name."""
    believe(f"app/dev {public_text(KNOWN.public)}")
    project = Project(configure(), embedded.store)
    true = project.back_up()
    false = forged(project, key=KNOWN)
    assert project.session.find("latest").name == true.name
    believe(f"app/dev,app/embedded {public_text(KNOWN.public)}")
    assert Project(configure(), embedded.store).session.find("latest").name == false.name


@pytest.mark.parametrize(
    ("dates", "known"),
    [
        ('valid-before="{tomorrow}"', True),
        ('valid-before="{today}"', False),
        ('valid-after="{today}"', True),
        ('valid-after="{tomorrow}"', False),
    ],
)
def test_a_key_counts_in_its_time(
    embedded: Project, configure: Configure, believe: Believe, dates: str, known: bool
) -> None:
    now = datetime.now(UTC)
    days = {"today": f"{now:%Y%m%d}Z", "tomorrow": f"{now + DAY:%Y%m%d}Z"}
    believe(f"app/embedded {dates.format(**days)} {public_text(KNOWN.public)}")
    project = Project(configure(), embedded.store)
    true = project.back_up()
    false = forged(project, ago=-timedelta(microseconds=1), key=KNOWN)
    assert project.session.find("latest").name == (false if known else true).name


def test_an_ended_key_cannot_date_back(bucket: Bucket, believe: Believe, configure: Configure) -> None:
    """New backups with a stolen, expired key are not trusted, whatever their date: Google reports when they came."""
    server = bucket.sign_in(SERVER)
    now = datetime.now(UTC)
    believe(f'app/embedded valid-before="{now - 3 * DAY:%Y%m%d}Z" {public_text(KNOWN.public)}')
    server = bucket.sign_in(SERVER)
    server.back_up()
    old = forged(bucket.sign_in("owner"), ago=5 * DAY, key=KNOWN)
    with pytest.raises(BackupError, match="signed by a key that was not valid then"):
        bucket.sign_in(SERVER).session.find(f"{server.store.url}/{old.name}")


def test_after_a_rotation_earlier_backups_are_trusted_once_their_key_is_in_the_list(
    embedded: Project, configure: Configure, believe: Believe
) -> None:
    """Without the line, a message refers to the how-to."""
    first = embedded.back_up()
    line = command.run("--public-key").stdout.strip()
    rotated = Project(configure(BACKUP_SIGNING_KEY="another-key-another-key-another-key"), embedded.store)
    with pytest.raises(
        BackupError, match=r"no backup of embedded that is signed by a trusted key.*backups\.md#signatures"
    ):
        rotated.session.find("latest")
    believe(line)
    assert Project(configure(), embedded.store).session.find("latest") == first
    assert Project(configure(), embedded.store).back_up().name > first.name


def test_forged_and_unsigned_ones_are_an_alarm_and_count_for_nothing(embedded: Project) -> None:
    true = embedded.back_up()
    record(embedded, true.name, passed=True)
    assert alarm(embedded) == ""
    false = forged(embedded)
    record(embedded, false.name, passed=False)
    assert f"Not counted: {embedded.store.url}/{false.name} is signed by a key that" in alarm(embedded)
    assert "failed" not in alarm(embedded)


def test_after_an_update_from_a_release_without_signatures(embedded: Project) -> None:
    """The next backup and its drill end the alarm; old ones are not reported after three days."""
    old = copied(embedded, made := embedded.back_up(), datetime.now(UTC) - 4 * DAY)
    unsign(embedded, old)
    unsign(embedded, made)
    assert alarm(embedded).startswith(f"Not counted: {embedded.store.url}/{made.name} is not signed.")
    assert "There is no backup that is signed by a trusted key." in alarm(embedded)
    assert str(old.name) not in alarm(embedded)


def test_what_a_backup_will_be_worth_is_said(embedded: Project, configure: Configure, believe: Believe) -> None:
    """The line of the own key has expired, without a rotation."""
    public = public_text(embedded.configuration.trust.key.public)
    believe(f'app/embedded valid-before="20200101Z" {public}')
    project = Project(configure(), embedded.store)
    project.back_up()
    assert "this backup is signed by a key that was not valid then" in project.said.getvalue()


def test_the_same_key_under_another_name_harms_nothing(
    embedded: Project, configure: Configure, believe: Believe
) -> None:
    """LOCAL and embedded mode may have the same `SECRET_KEY`."""
    believe(f"app/local {public_text(embedded.configuration.trust.key.public)}")
    project = Project(configure(), embedded.store)
    made = project.back_up()
    assert project.session.find("latest") == made


def test_a_short_key_is_refused(embedded: Project) -> None:
    result = command.run("-l", BACKUP_SIGNING_KEY="short")
    assert result.returncode == 2
    assert "BACKUP_SIGNING_KEY: has a key of less than 32 characters" in result.stderr
    assert "'short'" not in result.stderr
