"""What a role may do on its server that is no superuser: whom it may disconnect, and what it may own."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import psycopg
from psycopg import sql

from bedplate.backup.databases.census import Server
from bedplate.backup.errors import BackupError

# How often a database that is in use is tried again. Each time, PostgreSQL waits five seconds for those who leave.
TRIES: Final = 10

WITH_EXTENSIONS: Final = "template1"
"""The template of a database that has the extensions of every new one on this server, which a superuser makes there."""

# Autovacuum has no role: PostgreSQL sends it away by itself.
END_SESSIONS: Final = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN pg_roles ON pg_roles.oid = usesysid
    WHERE datname = %s AND pid <> pg_backend_pid()
    AND (pg_has_role(usesysid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE'))
    AND (NOT rolsuper OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user))
"""
SESSIONS: Final = """
    SELECT usename, datname, application_name, pid FROM pg_stat_activity
    WHERE datname = ANY(%s) AND usesysid IS NOT NULL AND pid <> pg_backend_pid() ORDER BY pid
"""


def is_superuser(server: Server) -> bool:
    """Return whether the connection's role is a superuser."""
    ((superuser,),) = server.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchall()
    return bool(superuser)


def not_in_dump(server: Server) -> list[str]:
    """Return what pg_dump leaves out for a role that is no superuser: subscriptions, and options of others' logins."""
    subscriptions = """
        SELECT 'subscription ' || subname FROM pg_subscription JOIN pg_database d ON d.oid = subdbid
        WHERE datname = current_database() ORDER BY 1
    """
    logins = """
        SELECT format('options of the user mapping of %s for the server %s', usename, srvname) FROM pg_user_mappings
        WHERE umuser <> 0 AND usename <> current_user AND umoptions IS NULL ORDER BY 1
    """
    return [what for query in (subscriptions, logins) for (what,) in server.execute(query).fetchall()]


def missing_roles(server: Server, roles: Iterable[str]) -> list[str]:
    """Return those of the roles that the server does not have."""
    known = {role for (role,) in server.execute("SELECT rolname FROM pg_roles").fetchall()}
    return sorted(set(roles) - known)


def untrusted(server: Server, extensions: Iterable[str]) -> set[str]:
    """Return those of the extensions that the owner of a database may not create on any server."""
    query = "SELECT DISTINCT name FROM pg_available_extension_versions WHERE trusted"
    return set(extensions) - {name for (name,) in server.execute(query).fetchall()}


def extensions_of(database: Server) -> dict[str, str]:
    """Return the extensions that a database has, each with its schema."""
    query = "SELECT extname, nspname FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace"
    return dict(database.execute(query).fetchall())


def schemas_of(database: Server) -> set[str]:
    """Return the schemas that a database has."""
    return {name for (name,) in database.execute("SELECT nspname FROM pg_namespace").fetchall()}


def require_extensions(database: Server, extensions: Mapping[str, str], *, untrusted: Collection[str]) -> None:
    """Create those extensions that a role may not create on any server, unless the database's template brought them.

    Raise BackupError, saying what to do, if that is refused, or one of the template's is in another schema.
    """
    there = extensions_of(database)
    for name, schema in extensions.items():
        if name in there and there[name] != schema:
            raise BackupError(
                f"{WITH_EXTENSIONS} has the extension {name} in the schema {there[name]}, the backup in {schema}. "
                f"{_advice(database, schema, sql.SQL('ALTER EXTENSION {} SET SCHEMA {};'), name)}"
            )
        if name in untrusted and name not in there:
            _create_extension(database, name, schema)


def _create_extension(database: Server, name: str, schema: str) -> None:
    try:
        with database.transaction():
            database.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
            create = sql.SQL("CREATE EXTENSION {} SCHEMA {} CASCADE")
            database.execute(create.format(sql.Identifier(name), sql.Identifier(schema)))
    except psycopg.errors.InsufficientPrivilege as error:
        raise BackupError(
            f"Only a superuser may create the extension {name}, which the backup needs ({error.diag.message_primary}). "
            f"{_advice(database, schema, sql.SQL('CREATE EXTENSION {} SCHEMA {};'), name)}"
        ) from None


def _advice(database: Server, schema: str, statement: sql.SQL, name: str) -> str:
    """Return what to do as a superuser. The names are of a backup, perhaps a hostile one: they are quoted."""
    make = sql.SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}; ")
    advice = statement.format(sql.Identifier(name), sql.Identifier(schema))
    if schema != "public":
        advice = make.format(sql.Identifier(schema), sql.Identifier(database.info.user)) + advice
    return (
        f"As a superuser, in the database {WITH_EXTENSIONS}, of which such databases are made: "
        f"{advice.as_string(database)} Then try again."
    )


def end_sessions(server: Server, database: str) -> None:
    """Disconnect all from a database whom the connection's role may disconnect."""
    server.execute(END_SESSIONS, [database])


def drop_database(server: Server, name: str) -> None:
    """Remove a database, if there is one. Raise BackupError, naming who uses it, when they cannot be disconnected."""
    for attempt in range(TRIES):
        end_sessions(server, name)
        try:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        except psycopg.errors.ObjectInUse as error:
            if attempt == TRIES - 1:
                raise in_use(server, [name], error) from None
        else:
            return


def in_use(server: Server, databases: Sequence[str], error: psycopg.errors.ObjectInUse) -> BackupError:
    """Return what people are told when one of the databases stays in use: by whom, as far as the role may know."""
    found = server.execute(SESSIONS, [list(databases)]).fetchall()
    who = ", ".join(
        f"{role} in {database} ({program or 'unnamed'}, process {pid})" for role, database, program, pid in found
    )
    return BackupError(f"A database stays in use: {who or str(error).strip()}. Stop what uses it, then try again.")
