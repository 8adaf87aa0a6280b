"""The accounts of a bucket: PROD's account runs the nightly tasks without the right to delete or overwrite."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import command
import pytest
from accounts import PERSON, PRUNING, SERVER, Bucket
from bedplate.backup.commands.check import check
from bedplate.backup.commands.list_backups import describe
from bedplate.backup.commands.prune import plan_pruning
from bedplate.backup.errors import BackupError, ForbiddenError
from bedplate.backup.signatures import public_text
from bedplate.backup.stores import Store, StoredObject
from dated import copied, remove, stored_backups
from fault_proxy import Cut, Fault, FaultProxy, Request
from iam import commands, grants, roles, roles_made
from project import Believe, note, notes

pytestmark = pytest.mark.usefixtures("without_django")

DAY = timedelta(days=1)
ONE = {"BACKUP_KEEP_DAILY": "1", "BACKUP_KEEP_WEEKLY": "0", "BACKUP_KEEP_MONTHLY": "0"}
ELSEWHERE = {"BACKUP_PRUNING": "elsewhere"}


def is_lease(name: str) -> bool:
    """Return whether an object is the lease."""
    return name == "v1/app/lease.json"


def old_backup(bucket: Bucket, days: int, *, environment: str = "") -> str:
    """Make a backup dated n days ago, perhaps of another environment, with the server's account. Return its name."""
    bucket.proxy.forget_when()
    server = bucket.sign_in(SERVER, **ONE, **ELSEWHERE)
    made = server.back_up()
    owner = bucket.sign_in("owner")
    moved = copied(owner, made, datetime.now(UTC) - days * DAY, environment=environment)
    remove(owner, made.name)
    return str(moved.name)


def test_the_page_gives_these_rights() -> None:
    """The tests read the grants from the commands of the how-to: they must be the intended ones."""
    page = {account: {(grant.permissions, grant.only) for grant in found} for account, found in grants().items()}
    read = frozenset({"storage.objects.get", "storage.objects.list"})
    create, delete = "storage.objects.create", "storage.objects.delete"
    everything = read | {create, delete, "storage.objects.update"}
    lease = frozenset({"storage.objects.get", create, delete})
    assert roles_made().items() <= roles().items()
    assert list(roles_made().values()) == [lease]
    assert page == {
        SERVER: {(read, ""), (frozenset({create}), ""), (lease, "v1/app/lease.json")},
        PRUNING: {(everything, ""), (frozenset({"storage.buckets.get", "storage.objects.list"}), "")},
        PERSON: {(read, "")},
    }


def test_nights_with_the_servers_account(bucket: Bucket) -> None:
    """Back up and verify twice, check, restore: no request is refused, and only the lease is replaced."""
    server = bucket.sign_in(SERVER, **ELSEWHERE)
    before: dict[str, bytes] = {}
    for night in ("first", "second"):
        (server.media / night).write_text(night)
        made = server.back_up()
        server.verify()
        server.verify()
        check(server.session)
        now = bucket.objects()
        server = bucket.sign_in(SERVER)
        assert before.items() <= now.items()
        before = now
    note(server, "since then")
    server.restore()
    assert notes(server) == ["one", "two"]
    [newest, _] = server.session.backups()
    assert newest.name == made.name
    assert newest.verified
    assert bucket.iam.refused == []
    assert not bucket.objects(is_lease), "the lease was not released"


def test_pruning_at_night_says_where_it_runs(bucket: Bucket) -> None:
    """As cron runs it in PROD: it does not fail, and removes nothing."""
    old_backup(bucket, 5, environment="prod")
    old_backup(bucket, 4, environment="prod")
    bucket.sign_in(SERVER, **ONE)
    before = bucket.objects()
    bucket.sign_in(SERVER)
    production = {"ENVIRONMENT": "prod", "POSTGRES_PASSWORD": "none", "DEFAULT_USER_PASSWORD": "none"}
    result = command.run("--prune", "--scheduled", **production, **ELSEWHERE)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "Nothing is removed here: pruning runs elsewhere (BACKUP_PRUNING).\n"
    assert bucket.objects() == before


@pytest.mark.parametrize("pruning", ["here", "elsewhere"])
def test_what_an_interrupted_backup_left_fails_no_backup(bucket: Bucket, pruning: str) -> None:
    """The leftovers are left to the account that may remove them; a wrong setting is reported."""
    unfinished = old_backup(bucket, 1)
    bucket.sign_in("owner").store.delete(f"{unfinished}/manifest.json")
    server = bucket.sign_in(SERVER, BACKUP_PRUNING=pruning)
    made = server.back_up()
    assert stored_backups(server) == {str(made.name)}
    assert bucket.objects(lambda name: name.startswith(unfinished))
    assert ("The leftovers of an interrupted backup are still there" in server.said.getvalue()) == (pruning == "here")
    bucket.sign_in(PRUNING).prune()
    assert not bucket.objects(lambda name: name.startswith(unfinished))
    assert stored_backups(server) == {str(made.name)}


@pytest.mark.parametrize("kind", ["media", "manifest.json", "lease.json", "verification"])
def test_an_answer_that_is_lost_is_no_overwriting(bucket: Bucket, kind: str) -> None:
    """The client sends the object again, under a name that exists by then: its own object."""
    server = bucket.sign_in(SERVER, **ELSEWHERE)
    lost = lose_answer(bucket.proxy, kind)
    server.back_up()
    server.verify()
    assert len(lost) == 1
    assert [backup.verified for backup in server.session.backups()] == [True]


def lose_answer(proxy: FaultProxy, kind: str) -> list[Request]:
    """Lose the response to the first upload with such a name in its body. Return that request when it arrives."""
    judge, lost = proxy.judge, list[Request]()

    def judge_and_lose(request: Request) -> Fault | None:
        if request.method == "POST" and kind.encode() in request.body and not lost:
            lost.append(request)
            return judge(request) or Cut()
        return judge(request)

    proxy.judge = judge_and_lose
    return lost


def test_pruning_with_the_servers_account_is_refused_and_says_what_to_do(bucket: Bucket) -> None:
    """Nothing is removed, not even in part."""
    names = {old_backup(bucket, 5), old_backup(bucket, 4)}
    before = bucket.objects()
    bucket.sign_in(SERVER, BACKUP_PRUNING="here")
    result = command.run("--prune")
    assert result.returncode == 1
    assert "does not have storage.objects.delete access" in result.stderr
    assert "set BACKUP_PRUNING=elsewhere here" in result.stderr
    assert "library/docs/how-to/bucket-accounts.md" in result.stderr
    assert bucket.objects() == before
    assert stored_backups(bucket.sign_in("owner")) == names


def test_the_pruning_account_prunes_from_another_machine(bucket: Bucket, tmp_path: Path, believe: Believe) -> None:
    """It uses the commands of bucket-accounts.md, for another environment than its own."""
    public = public_text(bucket.sign_in(SERVER).configuration.trust.key.public)
    believe(f"app/prod,app/embedded {public}")
    gone, kept = (old_backup(bucket, days, environment="prod") for days in (5, 4))
    before = bucket.objects()
    bucket.sign_in(PRUNING, **ONE, BACKUP_PRUNING="here")
    machine = {"DATA_DIRECTORY": f"{tmp_path}/machine of its own"}
    dry, wet = commands("Prune on another machine")
    assert "--dry-run" in dry
    assert f"remove  {bucket.url}/{gone}: " in command.run(*dry, **machine).stdout
    assert bucket.objects() == before
    result = command.run(*wet, **machine)
    assert result.returncode == 0, result.stderr
    assert f"removed {bucket.url}/{gone}: " in result.stdout
    server = bucket.sign_in(SERVER)
    assert stored_backups(server) == {kept}
    server.verify(f"{bucket.url}/{kept}")
    assert not bucket.objects(is_lease)


def test_an_environment_that_has_no_backups_is_named(bucket: Bucket) -> None:
    """The name may be misspelled: nothing would ever be pruned."""
    pruning = bucket.sign_in(PRUNING)
    with pytest.raises(BackupError, match="has no backups of app's prd"):
        plan_pruning(replace(pruning.session, source_environment="prd"))


def test_pruning_that_does_not_come_is_an_alarm(bucket: Bucket) -> None:
    """The alarm comes after three days, not on the first one; and only where pruning runs elsewhere."""
    for days in (6, 5, 2):
        old_backup(bucket, days)
    server = bucket.sign_in(SERVER, **ONE, **ELSEWHERE)
    server.back_up()
    server.verify()
    with pytest.raises(BackupError, match=r"^Pruning, which runs elsewhere, has left 1 backups for three days\."):
        check(server.session)
    check(bucket.sign_in(SERVER, **ONE, BACKUP_PRUNING="here").session)
    bucket.sign_in(PRUNING, **ONE).prune()
    check(bucket.sign_in(SERVER, **ONE, **ELSEWHERE).session)


def test_a_person_lists_and_restores_and_changes_nothing(bucket: Bucket) -> None:
    """Every command that writes is refused, and names the account with the right."""
    server = bucket.sign_in(SERVER, **ELSEWHERE)
    server.back_up()
    server.verify()
    before = bucket.objects()
    person = bucket.sign_in(PERSON)
    [backup] = person.session.backups()
    assert describe(backup, now=datetime.now(UTC))["verified"]
    note(person, "since then")
    person.restore()
    assert notes(person) == ["one", "two"]
    for work in (person.back_up, person.prune, person.verify):
        with pytest.raises(ForbiddenError, match="bucket-accounts"):
            work()
    assert bucket.objects() == before


ATTACKS: dict[str, Callable[[Store, str], object]] = {
    "delete": lambda store, name: store.delete(name),
    "overwrite": lambda store, name: store.write(name, b"gone"),
}


@pytest.mark.parametrize("account", [SERVER, PERSON])
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))
def test_who_has_taken_the_key_loses_no_backup(
    bucket: Bucket, account: str, attack: Callable[[Store, str], object]
) -> None:
    """Every attempt on every object is refused with the name of the right, and changes nothing."""
    server = bucket.sign_in(SERVER, **ELSEWHERE)
    server.back_up()
    server.verify()
    before = bucket.objects()
    store = bucket.sign_in(account).store
    for name in before:
        with pytest.raises(ForbiddenError, match=r"storage\.objects\.(delete|create)"):
            attack(store, name)
    assert bucket.objects() == before


def test_a_file_that_changed_while_it_was_sent(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """The backup is correct. The object that does not match its name stays until pruning removes it."""
    server = bucket.sign_in(SERVER, **ELSEWHERE)
    original = (server.media / "a.txt").read_bytes()
    upload = server.store.upload

    def change_and_upload(name: str, path: Path) -> StoredObject:
        if "/media/" in name and path.read_bytes() == original:
            path.write_bytes(b"changed meanwhile")
        return upload(name, path)

    with monkeypatch.context() as patch:
        patch.setattr(server.store, "upload", change_and_upload)
        server.back_up()
    server.verify()
    (server.media / "a.txt").write_bytes(original)
    with pytest.raises(ForbiddenError, match=r"storage\.objects\.delete"):
        server.back_up()
    bucket.sign_in(PRUNING).prune()
    server.back_up()
    server.verify()
