"""Backups by a role that owns its database and is not a superuser: on a foreign server, and on its own."""

import re

import pytest
from bedplate.backup.databases.tools import require_same_major
from bedplate.backup.errors import BackupError
from bedplate.environment import Environment
from picture import connect, picture
from project import Execute, Project
from psycopg import sql

pytestmark = [pytest.mark.postgresql, pytest.mark.slow, pytest.mark.usefixtures("without_django")]


def execute(project: Project, statements: str) -> None:
    """Execute SQL as the owner."""
    with connect(project.configuration.variables) as connection:
        connection.execute(statements.encode())


def test_the_owner_is_no_superuser(project: Project) -> None:
    with connect(project.configuration.variables) as connection:
        rights = connection.execute("SELECT rolsuper, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = user")
        assert rights.fetchall() == [(False, False, False)]


def test_what_only_a_superuser_may_make_is_told_of_at_the_backup_and_left_out_of_a_restore(
    project: Project, as_superuser: Execute
) -> None:
    execute(project, "CREATE TABLE notes AS SELECT 'one' AS note; CREATE SCHEMA papers")
    execute(project, "CREATE PUBLICATION notes_alone FOR TABLE notes")
    as_superuser(
        project,
        """
        CREATE FUNCTION nothing() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
        CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION nothing();
        CREATE PUBLICATION "all of it, Ä" FOR ALL TABLES;
        COMMENT ON PUBLICATION "all of it, Ä" IS 'FOR ALL TABLES';
        CREATE PUBLICATION papers FOR TABLES IN SCHEMA papers;
        """,
    )
    project.back_up()
    (said,) = re.findall(r"A restore by \S+, who is not a superuser, leaves out: (.*)", project.said.getvalue())
    for thing in (
        "event trigger watch",
        "publication all of it, Ä",
        "publication tables in schema papers papers papers",
    ):
        assert thing in said
    assert "notes_alone" not in said
    project.verify()
    project.restore()
    said = project.said.getvalue()
    assert said.count("Left out, as only a superuser may restore them: ") == 2  # once in the drill, once in the restore
    with connect(project.configuration.variables) as connection:
        assert connection.execute("SELECT note FROM notes").fetchall() == [("one",)]
        publications = connection.execute("SELECT pubname FROM pg_publication ORDER BY 1").fetchall()
        assert publications == [("notes_alone",), ("papers",)]
        assert connection.execute("SELECT evtname FROM pg_event_trigger").fetchall() == []


def test_an_untrusted_extension_is_taken_from_the_template(
    project: Project, template: Execute, server: Environment
) -> None:
    execute(project, "CREATE SCHEMA tools; CREATE EXTENSION citext")
    template(project, "CREATE EXTENSION bloom SCHEMA tools")
    with connect(server, "template1") as connection:
        create = sql.SQL("CREATE SCHEMA tools AUTHORIZATION {}")
        connection.execute(create.format(sql.Identifier(project.configuration.variables.postgres_user)))
    template(
        "template1", "CREATE EXTENSION bloom SCHEMA tools; CREATE EXTENSION pgrowlocks"
    )  # the backup has the password
    execute(project, "GRANT USAGE ON SCHEMA tools TO PUBLIC; CREATE TABLE notes (id integer, name citext)")
    execute(project, "INSERT INTO notes VALUES (1, 'One'); CREATE INDEX ON notes USING bloom (id)")
    project.back_up()
    project.verify()
    project.restore()
    with connect(project.configuration.variables) as connection:
        assert connection.execute("SELECT id FROM notes WHERE name = 'ONE'").fetchall() == [(1,)]
        schema = "SELECT nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'bloom'"
        assert connection.execute(schema).fetchall() == [("tools",)]


@pytest.mark.parametrize("there", ["nowhere", "in another schema"])
def test_without_the_extension_people_hear_what_to_do(project: Project, template: Execute, there: str) -> None:
    template(project, "CREATE EXTENSION bloom")
    if there == "in another schema":
        template("template1", "CREATE SCHEMA tools; CREATE EXTENSION bloom SCHEMA tools")
    execute(project, "CREATE TABLE notes AS SELECT 'one' AS note")
    project.back_up()
    before = picture(project.configuration.variables)
    with pytest.raises(BackupError, match=r'As a superuser.* (?:CREATE|ALTER) EXTENSION "bloom"') as refused:
        project.restore()
    assert picture(project.configuration.variables) == before
    assert project.remains == []
    advice = re.findall(r"(?:CREATE|ALTER) (?:SCHEMA|EXTENSION) [^;]*;", str(refused.value))
    template("template1", " ".join(advice))
    project.restore()
    with connect(project.configuration.variables) as connection:
        assert connection.execute("SELECT note FROM notes").fetchall() == [("one",)]
        schema = "SELECT nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'bloom'"
        assert connection.execute(schema).fetchall() == [("public",)]


def test_what_belonged_to_others_belongs_to_the_owner_and_their_grants_stay(
    project: Project, as_superuser: Execute, stranger: str, server: Environment
) -> None:
    execute(project, f"CREATE TABLE ours AS SELECT 1 AS id; GRANT SELECT ON ours TO {stranger}")
    user = project.configuration.variables.postgres_user
    name = project.configuration.variables.postgres_db
    with connect(server, name) as connection:
        connection.execute(
            f"""CREATE TABLE theirs AS SELECT 2 AS id; ALTER TABLE theirs OWNER TO {stranger};
            GRANT SELECT ON theirs TO {user};
            ALTER DEFAULT PRIVILEGES FOR ROLE {stranger} GRANT SELECT ON TABLES TO PUBLIC""".encode()
        )
    project.back_up()
    project.restore()
    said = project.said.getvalue()
    assert f"Objects of {stranger} belong to {user} now" in said
    assert f"and left out: ALTER DEFAULT PRIVILEGES FOR ROLE {stranger} GRANT SELECT ON TABLES TO PUBLIC" in said
    with connect(project.configuration.variables) as connection:
        owners = connection.execute(
            "SELECT tablename, tableowner FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        )
        assert owners.fetchall() == [("ours", user), ("theirs", user)]
        allowed = connection.execute("SELECT has_table_privilege(%s, 'ours', 'SELECT')", [stranger])
        assert allowed.fetchall() == [(True,)]


def test_settings_that_the_owner_may_not_give_are_told(project: Project, server: Environment, stranger: str) -> None:
    name = project.configuration.variables.postgres_db
    with connect(server, "postgres") as connection:
        connection.execute(f"ALTER DATABASE {name} SET log_statement TO 'none'".encode())
        connection.execute(f"ALTER DATABASE {name} SET work_mem TO '7MB'".encode())
        connection.execute(f"ALTER ROLE {stranger} IN DATABASE {name} SET work_mem TO '8MB'".encode())
    project.back_up()
    project.restore()
    assert f"may not set these settings of the database: log_statement, work_mem of {stranger}." in (
        project.said.getvalue()
    )
    with connect(project.configuration.variables) as connection:
        assert connection.execute("SHOW work_mem").fetchall() == [("7MB",)]


def test_who_cannot_be_disconnected_is_named(
    project: Project, server: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(project, "CREATE TABLE notes AS SELECT 'one' AS note")
    project.back_up()
    monkeypatch.setattr("bedplate.backup.databases.postgresql.TRIES", 1)
    variables = project.configuration.variables
    with connect(server, variables.postgres_db) as superuser:
        said = rf"{server.postgres_user} in {variables.postgres_db} \(.*process \d+\)"
        with pytest.raises(BackupError, match=said):
            project.restore()
        assert superuser.execute("SELECT note FROM notes").fetchall() == [("one",)]
    project.restore()


def test_who_is_connected_to_the_template_is_named(project: Project, template: Execute, server: Environment) -> None:
    for database in (project, "template1"):
        template(database, "CREATE EXTENSION bloom")
    project.back_up()
    with connect(server, "template1"), pytest.raises(BackupError, match=rf"{server.postgres_user} in template1"):
        project.restore()
    project.restore()


def test_a_server_of_another_major_version_is_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect(project.configuration.variables) as connection:
        version = connection.info.server_version
    require_same_major(version)
    with pytest.raises(BackupError, match=r"The server is PostgreSQL \d+, pg_dump and pg_restore here are \d+"):
        require_same_major(version - 10000)
    project.back_up()
    before = picture(project.configuration.variables)
    for module in ("postgresql", "staged"):
        path = f"bedplate.backup.databases.{module}.require_same_major"
        monkeypatch.setattr(path, lambda version: require_same_major(version + 10000))
    for work in (project.back_up, project.restore):
        with pytest.raises(BackupError, match="Both must be of one major version"):
            work()
    assert picture(project.configuration.variables) == before


def test_a_forced_policy_stops_the_backup_with_the_words_of_postgresql(project: Project) -> None:
    execute(project, "CREATE TABLE papers (id integer); ALTER TABLE papers ENABLE ROW LEVEL SECURITY")
    execute(project, "ALTER TABLE papers FORCE ROW LEVEL SECURITY; CREATE POLICY none ON papers USING (false)")
    with pytest.raises(BackupError, match="row-level security policy for table"):
        project.back_up()
