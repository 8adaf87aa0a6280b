"""Restores when the live database is damaged or gone, in PROD too if the user gives the reason."""

from collections.abc import Callable
from typing import Final

import pytest
from bedplate.backup.commands.restore import restore
from bedplate.backup.errors import BackupError, WrongUseError
from bedplate.environment import Environment
from picture import Picture, connect
from project import MakeProject, Project
from psycopg import sql

pytestmark = [pytest.mark.postgresql, pytest.mark.slow, pytest.mark.usefixtures("without_django")]

# The first page of a file: one bit of it changes, as on a failing disk.
FLIP: Final = r"""f=%s; byte=$(od -An -tu1 -j8150 -N1 $f)
    printf "\\$(printf %%03o $((byte ^ 1)))" | dd of=$f bs=1 seek=8150 conv=notrunc status=none"""

type Damage = Callable[[], None]

NAMED: Final = r"--without-backup-first damaged-database, missing-database or unreadable-media"


@pytest.fixture
def production(make_project: MakeProject) -> Project:
    """Return a backed up PROD, with one more row in its table since then."""
    production = make_project(ENVIRONMENT="prod")
    with connect(production.configuration.variables) as connection:
        connection.execute("CREATE TABLE notes AS SELECT 'one' AS note")
        production.back_up()
        connection.execute("INSERT INTO notes VALUES ('late')")
    return production


def notes(project: Project) -> list[str]:
    """Return the notes in the live database."""
    with connect(project.configuration.variables) as connection:
        return [note for (note,) in connection.execute("SELECT note FROM notes").fetchall()]


@pytest.fixture
def damage(production: Project, server: Environment) -> Damage:
    """Return a function that damages the page of the table's rows on the disk, and empties the server's cache."""

    def flip() -> None:
        with connect(server, production.configuration.variables.postgres_db) as connection:
            assert connection.execute("SHOW data_checksums").fetchall() == [("on",)]
            connection.execute("CREATE EXTENSION pg_buffercache")
            connection.execute("CHECKPOINT")
            ((path,),) = connection.execute("SELECT pg_relation_filepath('notes')").fetchall()
            connection.execute(sql.SQL("COPY (SELECT) TO PROGRAM {}").format(FLIP % path))
            connection.execute("SELECT pg_buffercache_evict_relation('notes')")
            connection.execute("DROP EXTENSION pg_buffercache")

    return flip


def execute(project: Project, command: str) -> None:
    """Execute a server command on the live database, whose name replaces {}."""
    with connect(project.configuration.variables, "postgres") as server:
        name = sql.Identifier(project.configuration.variables.postgres_db)
        server.execute(sql.SQL(command).format(name))


def properties(project: Project) -> Picture:
    """Return the server's catalog entry of the live database."""
    variables = project.configuration.variables
    with connect(variables, "postgres") as server:
        query = """SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datlocprovider, datcollate, datctype,
            datconnlimit, datallowconn FROM pg_database WHERE datname = %s"""
        return {"properties": server.execute(query, [variables.postgres_db]).fetchall()}


def test_a_damaged_database_is_replaced_once_that_is_said(production: Project, damage: Damage) -> None:
    damage()
    said = rf"(?s)could not be backed up.*invalid page in block 0 of relation.*{NAMED}.*Nothing was replaced\."
    with pytest.raises(BackupError, match=said):
        production.restore()
    restore(production.session, "latest", without_backup_first=frozenset({"damaged-database"}))
    assert notes(production) == ["one"]
    production.back_up()
    production.undo()
    with pytest.raises(BackupError):
        production.back_up()
    production.undo()
    assert notes(production) == ["one"]


@pytest.mark.parametrize("undone", [1, 2, 3])
def test_undoing_does_not_forget_that_there_is_no_backup(production: Project, damage: Damage, undone: int) -> None:
    """Whichever of the two databases is live, the damaged one is removed only with the option."""
    without = frozenset({"damaged-database"})
    damage()
    restore(production.session, "latest", without_backup_first=without)
    for number in range(undone):
        if number % 2 == 0:  # the restored database is live
            production.back_up()
        production.undo()
    if undone % 2:
        restore(production.session, "latest", without_backup_first=without)
        production.undo()
        production.undo()
    assert notes(production) == ["one"]
    with pytest.raises(BackupError, match=r"never backed up.*Nothing was replaced\."):
        production.restore()
    restore(production.session, "latest", forget_set_aside=True)
    production.restore()


@pytest.mark.parametrize("with_previous", [False, True])
def test_a_missing_database_is_made(production: Project, *, with_previous: bool) -> None:
    if with_previous:
        production.restore()
        production.back_up()
        production.undo()
        production.back_up()
    before = properties(production)
    execute(production, "DROP DATABASE {} WITH (FORCE)")
    with pytest.raises(BackupError, match=rf"(?s)does not exist.*{NAMED}.*Nothing was replaced\."):
        production.restore()
    restore(production.session, "latest", without_backup_first=frozenset({"missing-database"}))
    assert properties(production) == before
    assert notes(production) == (["one", "late"] if with_previous else ["one"])
    production.back_up()
    production.undo()
    production.undo()
    assert properties(production) == before


def test_elsewhere_a_missing_database_needs_no_word(make_project: MakeProject) -> None:
    local = make_project()
    with connect(local.configuration.variables) as connection:
        connection.execute("CREATE TABLE notes AS SELECT 'one' AS note")
    local.back_up()
    execute(local, "DROP DATABASE {} WITH (FORCE)")
    local.restore()
    assert notes(local) == ["one"]


def test_a_database_that_was_dropped_by_half_is_replaced(production: Project, server: Environment) -> None:
    """PostgreSQL marks such a database, and accepts no connections to it."""
    variables = production.configuration.variables
    with connect(server, "postgres") as connection:
        connection.execute("UPDATE pg_database SET datconnlimit = -2 WHERE datname = %s", [variables.postgres_db])
    with pytest.raises(BackupError, match=NAMED):
        production.restore()
    restore(production.session, "latest", without_backup_first=frozenset({"damaged-database"}))
    assert notes(production) == ["one"]


def test_what_is_there_is_not_called_missing(production: Project) -> None:
    with pytest.raises(WrongUseError, match=r"The database exists.*damaged-database\. Nothing was replaced\."):
        restore(production.session, "latest", without_backup_first=frozenset({"missing-database"}))
    assert notes(production) == ["one", "late"]
