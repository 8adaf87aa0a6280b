"""A night in PROD with a moved clock: its crontab backs up, prunes, verifies and checks; failures come by mail."""

from collections.abc import Iterator

import pytest
from bedplate.testing.compose import Stack
from bedplate.testing.server import Server

from stack.night import NightCron, night

pytestmark = pytest.mark.stack

TASKS = ("backup", "prune_backups", "verify_backup", "check_backups")
# Longer than the maximum age of the newest backup, and of its verification.
DAYS_LATER = 4
in_prod = pytest.mark.parametrize("server", ["prod"], indirect=True, scope="session")
in_dev = pytest.mark.parametrize("server", ["dev"], indirect=True, scope="session")


@pytest.fixture(scope="module")
def cron(server: Server) -> Iterator[NightCron]:
    """Return PROD's cron before its first night, with a backup made by hand in the evening."""
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
def test_backups_are_pruned_at_four(cron: NightCron) -> None:
    """At 04:00 the store loses the one backup that retention does not keep."""
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


@pytest.mark.slow
@in_prod
def test_missing_backup_raises_the_alarm(cron: NightCron) -> None:
    """After nights without a backup, the check fails with the reason, and the admin has mail."""
    last = cron.run_at("05:45", "check_backups", days=DAYS_LATER)
    assert last.state == "failed"
    assert f"The newest backup is {DAYS_LATER} d" in last.output
    cron.wait_for_mail("Cron: check_backups: Exited with 1.")


@pytest.mark.slow
@in_prod
def test_alarm_ends_once_there_is_a_backup_again(cron: NightCron) -> None:
    """The next night makes a backup and verifies it, and the check is quiet again."""
    assert cron.run_at("03:00", "backup", days=DAYS_LATER).state == "succeeded"
    assert cron.run_at("04:30", "verify_backup", days=DAYS_LATER).state == "succeeded"
    assert cron.run_at("04:45", "check_backups", days=DAYS_LATER).state == "succeeded"
    assert cron.subjects() == ["Cron: check_backups: Exited with 1."]


@in_dev
def test_no_automatic_backups_in_dev(server: Server) -> None:
    """In DEV the nightly tasks do not change the store."""
    assert_night_does_nothing(server)


def test_no_automatic_backups_in_local(stack: Stack) -> None:
    """In LOCAL they do not either."""
    assert_night_does_nothing(stack)


def commands_of_the_night(stack: Stack) -> list[str]:
    """Return the commands of the nightly tasks, as the crontab has them."""
    lines = (stack.directory / "cron/crontab").read_text().splitlines()
    fields = [line.split(maxsplit=7) for line in lines if "bedplate.backup" in line]
    assert tuple(task for *_schedule, task, _limit, _command in fields) == TASKS
    return [command for *_, command in fields]


def assert_night_does_nothing(stack: Stack) -> None:
    """Run each nightly task; the store is the same afterwards, to the byte."""
    keep = {"BACKUP_KEEP_DAILY": "1", "BACKUP_KEEP_WEEKLY": "0", "BACKUP_KEEP_MONTHLY": "0"}
    variables = {"BACKUP_URL": "file:///data/backups/night", **keep}
    cron = ("exec", "--no-TTY", *(f"--env={name}={value}" for name, value in variables.items()), "cron")
    contents = ("sh", "-c", "cd /data/backups/night && find . -type f -exec sha256sum {} + | sort")
    try:
        for _ in range(2):
            stack.compose(*cron, "python", "-m", "bedplate.backup", "--backup")
        before = stack.compose(*cron, *contents)
        assert before
        for command in commands_of_the_night(stack):
            stack.compose(*cron, "bash", "-c", command)
        assert stack.compose(*cron, *contents) == before
    finally:
        stack.exec("cron", "rm", "-rf", "/data/backups/night")
