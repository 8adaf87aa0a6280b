"""Pruning, checked in the store: the removed and the kept objects, and all kept backups restore."""

import fcntl
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import command
import pytest
from bedplate.backup.commands import prune
from bedplate.backup.errors import BackupError
from bedplate.backup.manifest import Manifest
from bedplate.backup.retention import RetentionPlan
from bedplate.backup.session import Session
from bedplate.backup.stores import Store
from dated import copied, media_of, moved, record, remove, stored_backups, stored_media
from project import Configure, Project

pytestmark = pytest.mark.usefixtures("without_django")

DAY = timedelta(days=1)
ONE = {"BACKUP_KEEP_DAILY": "1", "BACKUP_KEEP_WEEKLY": "0", "BACKUP_KEEP_MONTHLY": "0"}


@pytest.fixture(params=["folder", "bucket"])
def project(request: pytest.FixtureRequest, embedded: Project, configure: Configure) -> Project:
    """Return a project that keeps the backup of one day, in a folder and in a bucket with backdated backups."""
    if request.param == "folder":
        return Project(configure(**ONE), embedded.store)
    request.getfixturevalue("proxy").forget_when()
    configuration = configure(**ONE, BACKUP_URL=request.getfixturevalue("gcs"))
    return Project(configuration, configuration.open_store())


def backup(project: Project, days: int, *, environment: str = "") -> Manifest:
    """Return a backup of n days ago, with one media file that only it needs."""
    alone = project.media / f"{environment}-{days}"
    alone.write_text(f"only in the backup of {environment}, {days} days ago")
    made = moved(project, project.back_up(), datetime.now(UTC) - days * DAY, environment=environment)
    alone.unlink()
    return made


def names(*manifests: Manifest) -> set[str]:
    """Return the names of these backups."""
    return {str(manifest.name) for manifest in manifests}


def contents(store: Store) -> dict[str, bytes]:
    """Return all objects in the store."""
    return {stored.name: store.read(stored.name)[0] for stored in store.list("")}


def test_what_stays_and_what_goes(project: Project) -> None:
    """The newest and the newest verified backup stay, with their media; so do those of another environment."""
    others = [backup(project, days, environment="prod") for days in (9, 8)]
    old, verified, between, newest = (backup(project, days) for days in (4, 3, 2, 1))
    record(project, verified.name, passed=True, ago=3 * DAY)
    record(project, old.name, passed=True, ago=4 * DAY)
    needed = {name for manifest in (verified, newest, *others) for name in media_of(project, manifest)}
    gone = media_of(project, old) | media_of(project, between)
    decided = project.prune()
    assert stored_backups(project) == names(verified, newest, *others)
    assert stored_media(project) == needed
    assert len(gone - needed) == 2
    assert set(decided.remove) == {old.name, between.name}
    assert not [stored for name in decided.remove for stored in project.store.list(f"{name}/")]
    for manifest in (verified, newest, *others):
        replace(project, accept_unsigned=manifest in others).verify(f"{project.store.url}/{manifest.name}")


def test_a_dry_run_changes_nothing_and_says_what_would_go(project: Project) -> None:
    """Without --dry-run, the command does the same."""
    old, newest = backup(project, 2), backup(project, 1)
    before = contents(project.store)
    dry = command.run("--prune", "--dry-run")
    assert contents(project.store) == before
    reason = "not the newest of one of the last 1 days, 0 weeks, 0 months"
    kept = f"keep    {project.store.url}/{newest.name}: the newest, newest of the day {newest.name.created:%Y-%m-%d}\n"
    assert (dry.returncode, dry.stdout) == (0, f"{kept}remove  {project.store.url}/{old.name}: {reason}\n")
    done = command.run("--prune")
    assert (done.returncode, done.stdout) == (0, f"{kept}removed {project.store.url}/{old.name}: {reason}\n")
    assert stored_backups(project) == names(newest)
    assert stored_media(project) == media_of(project, newest)


def test_a_damaged_backup_stays_and_is_named(project: Project) -> None:
    """The output asks the user to inspect it."""
    damaged, newest = backup(project, 2), backup(project, 1)
    project.store.write(damaged.name.object("manifest.json"), b"damaged")
    result = command.run("--prune")
    assert result.returncode == 0
    assert f"keep    {project.store.url}/{damaged.name}: cannot be read: inspect it\n" in result.stdout
    assert stored_backups(project) == names(damaged, newest)


def test_a_failed_backup_does_not_cost_the_good_one_of_its_day(project: Project) -> None:
    noon = datetime.now(UTC).replace(hour=12) - DAY
    good = moved(project, project.back_up(), noon)
    failed = moved(project, project.back_up(), noon + timedelta(hours=1))
    record(project, failed.name, passed=False)
    project.prune()
    assert stored_backups(project) == names(good, failed)


def test_what_an_interrupted_backup_left_goes_in_this_environment_alone(project: Project) -> None:
    """Leftovers of another environment stay; media that only the unfinished backup needs are removed."""
    project.back_up()
    for environment in ("embedded", "prod"):
        unfinished = copied(project, project.back_up(), datetime.now(UTC), environment=environment)
        project.store.delete(unfinished.name.object("manifest.json"))
    left = {stored.name.split("/")[2] for stored in project.store.list("v1/app/") if "database.sqlite3" in stored.name}
    assert left == {"embedded", "prod"}
    before = stored_backups(project)
    backup_of_prod = {stored.name for stored in project.store.list("v1/app/prod/")}
    project.prune()
    assert {stored.name for stored in project.store.list("v1/app/prod/")} == backup_of_prod
    assert len(stored_backups(project)) == 1
    assert stored_backups(project) < before
    folders = {"/".join(stored.name.split("/")[:4]) for stored in project.store.list("v1/app/embedded/")}
    assert folders == stored_backups(project)


def test_while_one_list_of_media_is_damaged_no_media_go(project: Project) -> None:
    """It holds for another environment's list, and for a damaged manifest. Backups are removed anyway."""
    other = backup(project, 5, environment="prod")
    old, newest = backup(project, 2), backup(project, 1)
    for name in (other.files["media.txt"].object, other.name.object("manifest.json")):
        before = stored_media(project)
        kept = project.store.read(name)[0]
        project.store.write(name, b"damaged")
        project.prune()
        assert stored_media(project) == before
        assert stored_backups(project) == names(newest, other)
        assert f"which ones {project.store.url}/{other.name} needs: " in project.said.getvalue()
        project.store.write(name, kept)
    assert media_of(project, newest) | media_of(project, other) < stored_media(project)
    project.prune()
    assert stored_media(project) == media_of(project, newest) | media_of(project, other)
    assert old.name != newest.name


def test_a_backup_whose_removal_is_interrupted_is_none(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its manifest is removed first; the next command removes the rest."""
    old, newest = backup(project, 2), backup(project, 1)
    delete, deleted = project.store.delete, list[str]()

    def delete_once(name: str, *, generation: str | None = None) -> None:
        if deleted and generation is None:
            raise BackupError("killed")
        deleted.append(name)
        delete(name, generation=generation)

    with monkeypatch.context() as patch:
        patch.setattr(project.store, "delete", delete_once)
        with pytest.raises(BackupError, match="killed"):
            project.prune()
    assert deleted[0] == old.name.object("manifest.json")
    assert stored_backups(project) == names(newest)
    project.prune()
    assert not list(project.store.list(f"{old.name}/"))


def take_over(project: Project) -> None:
    """Make another machine take the lease."""
    project.store.write("v1/app/lease.json", b'{"holder": "another"}')


def test_who_lost_the_lease_removes_no_backup(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds for a backup that retention removes, and for an unfinished one."""
    old, newest = backup(project, 2), backup(project, 1)

    def plan_and_lose(session: Session) -> RetentionPlan:
        take_over(project)
        return plan_pruning(session)

    plan_pruning = prune.plan_pruning
    monkeypatch.setattr(prune, "plan_pruning", plan_and_lose)
    with pytest.raises(BackupError, match="Another machine has taken over"):
        project.prune()
    assert stored_backups(project) == names(old, newest)


def test_who_lost_the_lease_removes_no_media(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = backup(project, 1)
    remove(project, backup(project, 2).name)
    before, read = stored_media(project), project.store.read
    assert media_of(project, newest) < before

    def read_and_lose(name: str) -> tuple[bytes, str]:
        if name.endswith("media.txt"):
            take_over(project)
        return read(name)

    monkeypatch.setattr(project.store, "read", read_and_lose)
    with pytest.raises(BackupError, match="Another machine has taken over"):
        project.prune()
    assert stored_media(project) == before


def test_pruning_waits_its_turn_on_this_machine(project: Project, tmp_path: Path) -> None:
    """Pruning waits for a running backup, whose manifest does not list its media yet."""
    backup(project, 1)
    with (project.configuration.work / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen(
            [sys.executable, "-m", "bedplate.backup", "--prune"],
            env=command.environment(),
            stderr=subprocess.PIPE,
            text=True,
        ) as pruning:
            assert pruning.stderr
            assert "Another backup or restore is running here" in pruning.stderr.readline()
            fcntl.flock(lock, fcntl.LOCK_UN)
            pruning.stderr.read()
        assert pruning.returncode == 0


@pytest.mark.usefixtures("without_django")
def test_media_of_backups_that_cannot_be_looked_at_are_not_pruned(
    embedded: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.14's is_dir() is false for a folder without access, or on a failing disk."""
    embedded.back_up()
    is_dir = Path.is_dir

    def as_if_failing(path: Path, **options: bool) -> bool:
        return path.parent.name != "embedded" and is_dir(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "is_dir", as_if_failing)
        embedded.prune()
    embedded.verify()
