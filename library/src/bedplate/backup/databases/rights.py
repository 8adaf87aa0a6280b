"""The rights of a role without superuser rights: which sessions it may end, and which objects it may create."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import psycopg
from psycopg import sql

from bedplate.backup.databases.inventory import Server
from bedplate.backup.errors import BackupError

# Attempts on a database that is in use. At each one, PostgreSQL waits five seconds for sessions that are ending.
TRIES: Final = 10

WITH_EXTENSIONS: Final = "template1"
"""The template database with the extensions of every new database, which a superuser creates there."""

# Autovacuum has no role: PostgreSQL ends it by itself.
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
    """Return what pg_dump omits for a role without superuser rights: subscriptions, and options of others' logins."""
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
    """Return the roles that the server does not have."""
    known = {role for (role,) in server.execute("SELECT rolname FROM pg_roles").fetchall()}
    return sorted(set(roles) - known)


def untrusted(server: Server, extensions: Iterable[str]) -> set[str]:
    """Return the extensions that the owner of a database may not create on any server."""
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
    """Create the `untrusted` extensions, unless the database's template already has them.

    Raise BackupError with advice if that is refused, or the template has one in another schema.
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
    """Return the advice for a superuser. The names come from a backup, perhaps a hostile one: they are quoted."""
    make = sql.SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}; ")
    advice = statement.format(sql.Identifier(name), sql.Identifier(schema))
    if schema != "public":
        advice = make.format(sql.Identifier(schema), sql.Identifier(database.info.user)) + advice
    return (
        f"As a superuser, in the database {WITH_EXTENSIONS}, the template of such databases: "
        f"{advice.as_string(database)} Then try again."
    )


def end_sessions(server: Server, database: str) -> None:
    """End all sessions in a database that the connection's role may end."""
    server.execute(END_SESSIONS, [database])


def drop_database(server: Server, name: str) -> None:
    """Remove a database, if it exists. Raise BackupError, naming its sessions, when they cannot be ended."""
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
    """Return the error for databases that stay in use. It names the sessions, as far as the role may see them."""
    found = server.execute(SESSIONS, [list(databases)]).fetchall()
    who = ", ".join(
        f"{role} in {database} ({program or 'unnamed'}, process {pid})" for role, database, program, pid in found
    )
    return BackupError(f"A database stays in use: {who or str(error).strip()}. Stop what uses it, then try again.")
