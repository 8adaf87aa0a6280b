"""Settings, grants and sort order of the database: a restore keeps those of the live one."""

from typing import Any, Final

import pytest
from picture import connect
from project import MakeDatabase, MakeProject, Project
from psycopg import sql

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("without_django")]

PROPERTIES: Final = """
    SELECT pg_encoding_to_char(encoding), datlocprovider, datcollate, datctype, datlocale, daticurules, datconnlimit,
        pg_get_userbyid(datdba),
        (SELECT array_agg(item::text ORDER BY item::text) FROM unnest(datacl) AS item),
        (SELECT jsonb_object_agg(setrole::text, setconfig) FROM pg_db_role_setting WHERE setdatabase = pg_database.oid)
    FROM pg_database WHERE datname = %s
"""

SETTINGS: Final = (
    "search_path TO '$user', public, 'a \"quoted\" schema', 'with, comma'",
    "temp_tablespaces TO ''",
    "session_preload_libraries TO 'auto_explain', '$libdir/pg_prewarm'",
    "DateStyle TO 'German, DMY'",
    "TimeZone TO 'Europe/Berlin'",
    "work_mem TO '7MB'",
    "my.setting TO 'it''s = 100 %'",
    "application_name TO ''",
)

# Each of them would stop long work, or all work.
OBSTACLES: Final = (
    "statement_timeout TO '1ms'",
    "transaction_timeout TO '30ms'",
    "idle_in_transaction_session_timeout TO '10ms'",
    "default_transaction_read_only TO on",
    "lock_timeout TO '1ms'",
    "search_path TO ''",
    "client_encoding TO 'LATIN1'",
)


def alter(project: Project, change: str) -> None:
    """Change the live database."""
    variables = project.configuration.variables
    with connect(variables, "postgres") as connection:
        name = sql.Identifier(variables.postgres_db).as_string()
        connection.execute(f"ALTER DATABASE {name} {change}".encode())


def properties(project: Project) -> list[tuple[Any, ...]]:
    """Return the properties of the live database."""
    variables = project.configuration.variables
    with connect(variables, "postgres") as connection:
        return connection.execute(PROPERTIES, [variables.postgres_db]).fetchall()


def replace_by_its_backup(project: Project) -> None:
    """Back up and restore."""
    project.back_up()
    project.restore()


def test_settings_are_carried_over(superusers_project: Project) -> None:
    project = superusers_project
    for setting in SETTINGS:
        alter(project, f"SET {setting}")
    before = properties(project)
    replace_by_its_backup(project)
    assert properties(project) == before


def test_settings_do_not_hinder_the_backup(project: Project) -> None:
    with connect(project.configuration.variables) as connection:
        connection.execute("CREATE TABLE parts AS SELECT n, repeat('x', 100) FROM generate_series(1, 20000) AS n")
    for setting in OBSTACLES:
        alter(project, f"SET {setting}")
    before = properties(project)
    replace_by_its_backup(project)
    assert properties(project) == before


def test_settings_of_a_role_are_carried_over(superusers_project: Project, role: str) -> None:
    project = superusers_project
    variables = project.configuration.variables
    with connect(variables, "postgres") as connection:
        change = sql.SQL("ALTER ROLE {} IN DATABASE {} SET search_path TO 'of the role', public")
        connection.execute(change.format(sql.Identifier(role), sql.Identifier(variables.postgres_db)))
    before = properties(project)
    replace_by_its_backup(project)
    assert properties(project) == before


@pytest.mark.parametrize(
    "grants",
    [
        ["REVOKE ALL ON DATABASE {database} FROM PUBLIC"],
        [
            "GRANT CREATE ON DATABASE {database} TO {role} WITH GRANT OPTION",
            "GRANT ALL ON DATABASE {database} TO PUBLIC",
        ],
        ["ALTER DATABASE {database} OWNER TO {role}", "REVOKE CONNECT ON DATABASE {database} FROM PUBLIC"],
    ],
    ids=["fewer", "more", "owner"],
)
def test_owner_and_grants_are_carried_over(project: Project, role: str, grants: list[str]) -> None:
    variables = project.configuration.variables
    with connect(variables, "postgres") as connection:
        for grant in grants:
            connection.execute(
                grant.format(database=variables.postgres_db, role=sql.Identifier(role).as_string()).encode()
            )
    before = properties(project)
    replace_by_its_backup(project)
    assert properties(project) == before


def test_the_connection_limit_is_carried_over(project: Project) -> None:
    alter(project, "CONNECTION LIMIT 7")
    before = properties(project)
    replace_by_its_backup(project)
    assert properties(project) == before


@pytest.mark.parametrize(
    "options",
    [
        "LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8' TEMPLATE template0",
        "LOCALE_PROVIDER icu ICU_LOCALE 'und' ICU_RULES '&a < g' TEMPLATE template0",
        "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' TEMPLATE template0",
        "LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C' ENCODING 'LATIN1' TEMPLATE template0",
        "LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C' ENCODING 'SQL_ASCII' TEMPLATE template0",
    ],
    ids=["icu", "icu with rules", "builtin", "latin1", "no encoding"],
)
def test_encoding_and_sort_order_are_carried_over(
    databases: MakeDatabase, make_project: MakeProject, options: Any
) -> None:
    project = make_project(databases(options))
    with connect(project.configuration.variables) as connection:
        connection.execute("CREATE TABLE words (word text PRIMARY KEY)")
        connection.execute("INSERT INTO words VALUES ('g'), ('b'), (chr(200)), (chr(100))")
    before = properties(project)
    replace_by_its_backup(project)
    assert properties(project) == before
