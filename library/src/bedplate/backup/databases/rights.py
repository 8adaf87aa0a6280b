"""What a role may do on its server that is no superuser: whom it may disconnect, and what it may own."""

from collections.abc import Iterable, Mapping
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
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = %s AND pid <> pg_backend_pid() AND pg_has_role(usesysid, 'USAGE')
"""
SESSIONS: Final = """
    SELECT usename, application_name, pid FROM pg_stat_activity
    WHERE datname = %s AND usesysid IS NOT NULL AND pid <> pg_backend_pid() ORDER BY pid
"""


def is_superuser(server: Server) -> bool:
    """Return whether the connection's role is a superuser."""
    ((superuser,),) = server.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchall()
    return bool(superuser)


def out_of_reach(server: Server, roles: Iterable[str]) -> list[str]:
    """Return those of the roles that the connection's role is not, and cannot become: it can give them nothing."""
    query = "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) AND NOT pg_has_role(oid, 'SET') ORDER BY 1"
    return [role for (role,) in server.execute(query, [list(roles)]).fetchall()]


def missing_roles(server: Server, roles: Iterable[str]) -> list[str]:
    """Return those of the roles that the server does not have."""
    known = {role for (role,) in server.execute("SELECT rolname FROM pg_roles").fetchall()}
    return sorted(set(roles) - known)


def untrusted(server: Server, extensions: Mapping[str, str]) -> dict[str, str]:
    """Return the extensions that the owner of a database may not create on any server, each with its schema."""
    query = "SELECT DISTINCT name FROM pg_available_extension_versions WHERE trusted"
    trusted = {name for (name,) in server.execute(query).fetchall()}
    return {name: schema for name, schema in extensions.items() if name not in trusted}


def require_extensions(database: Server, extensions: Mapping[str, str]) -> None:
    """Create the extensions that its template did not bring along. Raise BackupError, saying what to do, if refused."""
    query = "SELECT extname, nspname FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace"
    there: dict[str, str] = dict(database.execute(query).fetchall())
    for name, schema in extensions.items():
        if name not in there:
            _create_extension(database, name, schema)
        elif there[name] != schema:
            raise BackupError(
                f"{WITH_EXTENSIONS} has the extension {name} in the schema {there[name]}, the backup in {schema}. "
                f"As a superuser: ALTER EXTENSION {name} SET SCHEMA {schema};"
            )


def _create_extension(database: Server, name: str, schema: str) -> None:
    try:
        with database.transaction():
            database.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
            create = sql.SQL("CREATE EXTENSION {} SCHEMA {} CASCADE")
            database.execute(create.format(sql.Identifier(name), sql.Identifier(schema)))
    except psycopg.errors.InsufficientPrivilege as error:
        raise BackupError(
            f"Only a superuser may create the extension {name}, which the backup needs ({error.diag.message_primary}). "
            f"As a superuser, in the database {WITH_EXTENSIONS}, of which new databases are made: "
            f"CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {database.info.user}; "
            f"CREATE EXTENSION {name} SCHEMA {schema}; Then try again."
        ) from None


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
                raise in_use(server, name, error) from None
        else:
            return


def in_use(server: Server, database: str, error: psycopg.errors.ObjectInUse) -> BackupError:
    """Return what people are told when a database stays in use: by whom, as far as the role may know."""
    found = server.execute(SESSIONS, [database]).fetchall()
    who = ", ".join(f"{role} ({program or 'unnamed'}, process {pid})" for role, program, pid in found)
    return BackupError(
        f"The database {database} stays in use: {who or str(error).strip()}. Stop what uses it, then try again."
    )
