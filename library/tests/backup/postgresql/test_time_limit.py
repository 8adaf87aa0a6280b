"""Drills and exports of a database with endless views are stopped at their limit, and the next backup is made."""

from typing import Final, LiteralString

import pytest
from bedplate.backup.catalog import read
from bedplate.backup.errors import BackupError, UnusableBackupError
from picture import connect
from project import MakeProject, Project
from verifying import LIMIT, is_at_rest, start, wait_until

pytestmark = [pytest.mark.postgresql, pytest.mark.slow, pytest.mark.usefixtures("without_django")]

ENDED: Final = r"after 0\.05 minutes, the limit \(BACKUP_DRILL_LIMIT_MINUTES\).*says nothing about the backup"
VIEW: Final[LiteralString] = """
    CREATE FUNCTION work() RETURNS integer LANGUAGE sql AS 'SELECT 1';
    CREATE MATERIALIZED VIEW result AS SELECT work() AS number;
"""
FOR_EVER: Final[tuple[LiteralString, ...]] = (
    "CREATE OR REPLACE FUNCTION work() RETURNS integer LANGUAGE sql AS 'SELECT 1 FROM pg_sleep(1e6)'",
    "CREATE OR REPLACE FUNCTION work() RETURNS integer LANGUAGE plpgsql AS 'BEGIN LOOP END LOOP; END'",
)


@pytest.fixture(params=FOR_EVER, ids=["sleeps", "loops"])
def endless(request: pytest.FixtureRequest, make_project: MakeProject) -> Project:
    """Return a project with a view whose next filling never ends."""
    project = make_project(BACKUP_DRILL_LIMIT_MINUTES="0.05")
    with connect(project.configuration.variables) as connection:
        connection.execute(VIEW)
        connection.execute(request.param)
    return project


def test_an_endless_drill_is_stopped_without_a_result_and_the_next_backup_is_made(endless: Project) -> None:
    """The backup starts during the drill, as cron does."""
    backup = endless.back_up()
    drill = start(endless, "--verify", "latest")
    wait_until(lambda: not is_at_rest(), what="the drill has a server")
    following = start(endless, "--backup")
    said, _ = drill.communicate(timeout=LIMIT)
    assert drill.returncode == 1, said
    assert "BACKUP_DRILL_LIMIT_MINUTES" in said
    assert "Traceback" not in said
    said, _ = following.communicate(timeout=LIMIT)
    assert following.returncode == 0, said
    found = read(endless.store, backup.name, trust=endless.configuration.trust)
    assert found
    assert found.verification is None
    wait_until(is_at_rest, what="the verifier is at rest")
    assert endless.remains == []


def test_an_endless_drill_raises_one_clear_error(endless: Project) -> None:
    endless.back_up()
    with pytest.raises(BackupError, match=ENDED) as ended:
        endless.verify()
    assert not isinstance(ended.value, UnusableBackupError)


def test_an_endless_export_is_ended(endless: Project) -> None:
    with pytest.raises(BackupError, match=ENDED):
        endless.export("database", anonymized=False)
    wait_until(is_at_rest, what="the verifier is at rest")
