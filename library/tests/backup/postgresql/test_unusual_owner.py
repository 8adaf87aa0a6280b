"""Hostile and unusual backups, restored by a role without superuser rights: what is restored, refused, reported."""

import re
from itertools import product
from typing import Final

import pytest
from bedplate.backup.errors import BackupError
from bedplate.environment import Environment
from picture import connect, picture
from project import Execute, MakeDatabase, MakeProject, Project
from psycopg import sql

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("without_django")]


def execute(project: Project, statements: str) -> None:
    """Execute SQL as the owner."""
    with connect(project.configuration.variables) as connection:
        connection.execute(statements.encode())


GRANTS: Final = (
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
    "CREATE FOREIGN DATA WRAPPER mine; GRANT USAGE ON FOREIGN DATA WRAPPER mine TO {owner}",
    "CREATE EXTENSION pgcrypto; GRANT EXECUTE ON FUNCTION gen_salt(text) TO {owner}",
    "GRANT EXECUTE ON FUNCTION pg_stat_reset() TO {owner}",
    "GRANT SELECT ON notes TO {stranger} WITH GRANT OPTION; SET ROLE {stranger}; GRANT SELECT ON notes TO PUBLIC",
)
NAMES: Final = ("x FOR ALL TABLES", 'p " FOR ALL TABLES', "a\nb", "x\u2028y", "x\x0cy", "v EVENT TRIGGER w")


def test_grants_of_a_superuser_do_not_stop_a_restore(project: Project, server: Environment, stranger: str) -> None:
    """A verified backup can be restored: refused parts are reported, and the rest is restored."""
    execute(project, "CREATE TABLE notes AS SELECT 'one' AS note")
    variables = project.configuration.variables
    with connect(server, variables.postgres_db) as connection:
        for grant in GRANTS:
            connection.execute(grant.format(owner=variables.postgres_user, stranger=stranger).encode())
    project.back_up()
    project.verify()
    project.restore()
    with connect(variables) as connection:
        assert connection.execute("SELECT note FROM notes").fetchall() == [("one",)]


def test_names_cannot_make_a_backup_unusable(project: Project) -> None:
    with connect(project.configuration.variables) as connection:
        for name, statement in product(
            NAMES,
            (
                "CREATE SCHEMA {0}",
                "CREATE TABLE {0}.{0} (id integer)",
                "COMMENT ON TABLE {0}.{0} IS 'said of it'",
                "CREATE PUBLICATION {0} FOR TABLE {0}.{0}",
            ),
        ):
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
    before = picture(project.configuration.variables)
    project.back_up()
    project.verify()
    project.restore()
    assert picture(project.configuration.variables) == before


def test_names_cannot_stop_a_superuser_either(superusers_project: Project) -> None:
    project = superusers_project
    with connect(project.configuration.variables) as connection:
        for name in ("x\u2028y", "x\x0cy"):
            connection.execute(sql.SQL("CREATE TABLE {} (id integer)").format(sql.Identifier(name)))
        connection.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    before = picture(project.configuration.variables)
    project.back_up()
    assert "leaves out" not in project.said.getvalue()
    project.restore()
    assert picture(project.configuration.variables) == before


def test_a_name_in_another_encoding_can_be_told(
    make_project: MakeProject, databases: MakeDatabase, as_superuser: Execute
) -> None:
    project = make_project(databases("TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"))
    as_superuser(
        project,
        """
        CREATE FUNCTION nothing() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
        CREATE EVENT TRIGGER "überwacht" ON ddl_command_end EXECUTE FUNCTION nothing();
        """,
    )
    project.back_up()
    assert "leaves out: event trigger" in project.said.getvalue()
    project.restore()


def test_a_policy_for_the_first_superuser_is_no_obstacle(project: Project, server: Environment) -> None:
    execute(project, f"CREATE TABLE papers (id integer); CREATE POLICY p ON papers TO {server.postgres_user}")
    before = picture(project.configuration.variables)
    project.back_up()
    project.verify()
    project.restore()
    assert picture(project.configuration.variables) == before


def test_a_comment_on_an_extension_of_ours_comes_back(project: Project) -> None:
    execute(project, "CREATE EXTENSION citext; COMMENT ON EXTENSION citext IS 'for names'")
    before = picture(project.configuration.variables)
    project.back_up()
    project.restore()
    assert picture(project.configuration.variables) == before


def test_what_pg_dump_leaves_out_is_told(project: Project, as_superuser: Execute) -> None:
    as_superuser(
        project,
        """CREATE SUBSCRIPTION news CONNECTION 'host=db.example.com' PUBLICATION news
        WITH (connect = false, slot_name = NONE)""",
    )
    try:
        project.back_up()
        assert "leaves out: subscription news" in project.said.getvalue()
    finally:
        as_superuser(project, "DROP SUBSCRIPTION news")


def test_a_hostile_name_is_quoted_in_what_superusers_are_told(project: Project, template: Execute) -> None:
    """A superuser would paste it."""
    user = project.configuration.variables.postgres_user
    execute(project, "CREATE SCHEMA tools")
    template(project, "CREATE EXTENSION bloom SCHEMA tools")
    execute(project, f'ALTER SCHEMA tools RENAME TO "public; ALTER ROLE {user} SUPERUSER; --"')
    project.back_up()
    with pytest.raises(BackupError) as refused:
        project.restore()
    (advice,) = re.findall(r"(CREATE SCHEMA .*) Then try again", str(refused.value))
    template("template1", advice)
    with connect(project.configuration.variables) as connection:
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = user").fetchall() == [(False,)]
    project.restore()


def test_functions_that_run_with_more_rights_than_before_are_named(
    project: Project, server: Environment, stranger: str
) -> None:
    with connect(server, project.configuration.variables.postgres_db) as connection:
        connection.execute(
            f"""CREATE FUNCTION run() RETURNS integer SECURITY DEFINER LANGUAGE sql AS 'SELECT 1';
            ALTER FUNCTION run() OWNER TO {stranger}""".encode()
        )
    project.back_up()
    project.restore()
    assert re.search(r"with the rights of \S+ now\. Check who .*: function public run\(\)", project.said.getvalue())
