"""A night in PROD, clock and all: its crontab backs up, prunes, verifies and checks, and its failures come by mail."""

from collections.abc import Iterator

import pytest
from bedplate.testing.compose import Stack
from bedplate.testing.server import Server

from stack.night import NightCron, night

pytestmark = pytest.mark.stack

TASKS = ("backup", "prune_backups", "verify_backup", "check_backups")
# Longer than a newest backup may be old, and than its verification may be.
DAYS_LATER = 4
in_prod = pytest.mark.parametrize("server", ["prod"], indirect=True, scope="session")
in_dev = pytest.mark.parametrize("server", ["dev"], indirect=True, scope="session")


@pytest.fixture(scope="module")
def cron(server: Server) -> Iterator[NightCron]:
    """Return PROD's cron before its first night; somebody has asked for a backup in the evening."""
    with night(server) as cron:
        cron.back_up()
        yield cron


@in_prod
def test_backup_is_made_at_three(cron: NightCron) -> None:
    """At 03:00 a backup is made, beside the one of the evening, and the run is recorded."""
    (evening,) = cron.backups()
    assert cron.run_at("03:00", "backup").state == "succeeded"
    assert len(cron.backups()) == 2
    assert list(cron.backups())[1] == evening


@in_prod
def test_retention_removes_at_four_what_it_does_not_keep(cron: NightCron) -> None:
    """At 04:00 the store loses the backup that retention does not keep, and that one alone."""
    newest, evening = cron.backups()
    assert cron.stored() == {newest, evening}
    assert cron.run_at("04:00", "prune_backups").state == "succeeded"
    assert cron.stored() == {newest}


@in_prod
def test_newest_backup_is_verified_at_half_past_four(cron: NightCron) -> None:
    """At 04:30 the newest backup is restored and compared, and the list says that it is verified."""
    (newest,) = cron.backups()
    assert cron.backups() == {newest: False}
    assert cron.run_at("04:30", "verify_backup").state == "succeeded"
    assert cron.backups() == {newest: True}


@in_prod
def test_check_is_quiet_after_such_a_night(cron: NightCron) -> None:
    """At 04:45 nothing is wrong, and no mail was sent in that night."""
    assert cron.run_at("04:45", "check_backups").state == "succeeded"
    assert cron.subjects() == []


@in_prod
def test_missing_backup_raises_the_alarm(cron: NightCron) -> None:
    """Nights later, in which no backup was made, the check fails, says why, and the admin has mail."""
    last = cron.run_at("05:45", "check_backups", days=DAYS_LATER)
    assert last.state == "failed"
    assert f"The newest backup is {DAYS_LATER} d" in last.output
    cron.wait_for_mail("Cron: check_backups: Exited with 1.")


@in_prod
def test_alarm_ends_once_there_is_a_backup_again(cron: NightCron) -> None:
    """The next night makes a backup and verifies it, and the check is quiet again."""
    assert cron.run_at("03:00", "backup", days=DAYS_LATER).state == "succeeded"
    assert cron.run_at("04:30", "verify_backup", days=DAYS_LATER).state == "succeeded"
    assert cron.run_at("04:45", "check_backups", days=DAYS_LATER).state == "succeeded"
    assert cron.subjects() == ["Cron: check_backups: Exited with 1."]


@in_dev
def test_nothing_is_backed_up_by_itself_in_dev(server: Server) -> None:
    """In DEV the tasks of the night leave alone what is in the store, whatever it is."""
    assert_night_does_nothing(server)


def test_nothing_is_backed_up_by_itself_in_local(stack: Stack) -> None:
    """In LOCAL neither."""
    assert_night_does_nothing(stack)


def assert_night_does_nothing(stack: Stack) -> None:
    """Run each task of the night; what lies in the store is the same afterwards, to the byte."""
    keep = {"BACKUP_KEEP_DAILY": "1", "BACKUP_KEEP_WEEKLY": "0", "BACKUP_KEEP_MONTHLY": "0"}
    variables = {"BACKUP_URL": "file:///data/night", **keep}
    cron = ("exec", "--no-TTY", *(f"--env={name}={value}" for name, value in variables.items()), "cron")
    contents = ("sh", "-c", "cd /data/night && find . -type f -exec sha256sum {} + | sort")
    try:
        for _ in range(2):
            stack.compose(*cron, "python", "-m", "bedplate.backup", "--backup")
        before = stack.compose(*cron, *contents)
        assert before
        for task in TASKS:
            stack.compose(*cron, f"/cron/tasks/{task}.sh")
        assert stack.compose(*cron, *contents) == before
    finally:
        stack.exec("cron", "rm", "-rf", "/data/night")
