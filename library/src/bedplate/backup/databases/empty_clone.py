"""An empty clone of a database: the same encoding, sort order, settings, owner and grants."""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from psycopg import errors, sql

from bedplate.backup.databases.inventory import Server
from bedplate.backup.errors import BackupError

# A limit of -2 marks a database whose removal was interrupted.
PROPERTIES: Final = """
    SELECT pg_get_userbyid(datdba), greatest(datconnlimit, -1), datacl IS NOT NULL, pg_encoding_to_char(encoding),
        datlocprovider, datcollate, datctype, datlocale, daticurules
    FROM pg_database WHERE datname = %s
"""

SETTINGS: Final = """
    SELECT coalesce(rolname, ''), setting FROM pg_db_role_setting
    JOIN pg_database ON pg_database.oid = setdatabase AND datname = %s
    LEFT JOIN pg_roles ON pg_roles.oid = setrole
    CROSS JOIN unnest(setconfig) AS setting
"""

GRANTS: Final = """
    SELECT coalesce(rolname, ''), privilege_type, is_grantable FROM pg_database
    CROSS JOIN aclexplode(datacl) LEFT JOIN pg_roles ON pg_roles.oid = grantee WHERE datname = %s
"""

EMPTY: Final = "template0"
"""The template of an empty database."""

PROVIDERS: Final[dict[str, tuple[LiteralString, LiteralString | None]]] = {
    "c": ("libc", None),
    "i": ("icu", "ICU_LOCALE"),
    "b": ("builtin", "BUILTIN_LOCALE"),
}


def create_empty_clone(server: Server, of: str, name: str, *, template: str) -> list[str]:
    """Create the database `name` like the database `of`. Return the settings that the connection's role may not set.

    The connection must be in autocommit mode.
    """
    owner, limit, has_grants, encoding, *order = server.execute(PROPERTIES, [of]).fetchall()[0]
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} CONNECTION LIMIT {} ENCODING {}")
    identifiers = map(sql.Identifier, (name, template, owner))
    server.execute(create.format(*identifiers, limit, encoding) + _sort_order(*order))
    refused = []
    for role, setting in server.execute(SETTINGS, [of]).fetchall():
        variable, value = setting.split("=", 1)
        try:
            server.execute(_setting(name, role, variable, value))
        except errors.InsufficientPrivilege:
            refused.append(f"{variable} of {role}" if role else variable)
    if has_grants:
        server.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
        for grant in server.execute(GRANTS, [of]).fetchall():
            server.execute(_grant(name, *grant))
    return refused


@dataclass(frozen=True, kw_only=True)
class DatabaseProperties:
    """The properties of a database on any server: its encoding, sort order, and settings for all roles."""

    encoding: str
    sort_order: tuple[Any, ...]
    settings: tuple[str, ...]


def read_properties(server: Server, of: str) -> DatabaseProperties:
    """Return the properties of a database. Raise BackupError if it does not exist."""
    found = server.execute(PROPERTIES, [of]).fetchall()
    if not found:
        raise BackupError(f"PostgreSQL has no database {of}.")
    _owner, _limit, _has_grants, encoding, *order = found[0]
    settings = tuple(setting for role, setting in server.execute(SETTINGS, [of]).fetchall() if not role)
    return DatabaseProperties(encoding=encoding, sort_order=tuple(order), settings=settings)


def create_with_properties(server: Server, properties: DatabaseProperties | None, name: str) -> None:
    """Create the database `name` with these properties; None: with the server's defaults.

    Settings that the connection's role may not set are left out. The connection must be in autocommit mode.
    """
    create = sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
    if properties is None:
        server.execute(create)
        return
    encoding = sql.SQL(" ENCODING {}").format(properties.encoding)
    server.execute(create + encoding + _sort_order(*properties.sort_order))
    for setting in properties.settings:
        with suppress(errors.InsufficientPrivilege):
            server.execute(_setting(name, "", *setting.split("=", 1)))


def _sort_order(provider: str, collate: str, ctype: str, locale: str, rules: str | None) -> sql.Composed:
    name, option = PROVIDERS[provider]
    written = sql.SQL(" LOCALE_PROVIDER {} LC_COLLATE {} LC_CTYPE {}").format(sql.SQL(name), collate, ctype)
    if option:
        written += sql.SQL(" {} {}").format(sql.SQL(option), locale)
    return written + sql.SQL(" ICU_RULES {}").format(rules) if rules else written


def _setting(database: str, role: str, variable: str, value: str) -> sql.Composed:
    whose = sql.SQL("ROLE {} IN").format(sql.Identifier(role)) if role else sql.SQL("")
    values = _parts(value) if variable in LISTS else [value]
    return sql.SQL("ALTER {} DATABASE {} SET {} TO {}").format(
        whose,
        sql.Identifier(database),
        sql.Identifier(*variable.split(".")),
        sql.SQL(", ").join(map(sql.Literal, values)),
    )


def _parts(value: str) -> list[str]:
    """Return the parts of a list, such as search_path, which is stored as identifiers, quoted where necessary."""
    return [plain or quoted.replace('""', '"') for quoted, plain in re.findall(r'"((?:[^"]|"")*)"|([^\s,]+)', value)]


# The settings that PostgreSQL stores as lists (GUC_LIST_QUOTE in its sources).
LISTS: Final = frozenset({"search_path", "session_preload_libraries", "local_preload_libraries", "temp_tablespaces"})


def _grant(database: str, role: str, privilege: str, grantable: Any) -> sql.Composed:
    return sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(
        sql.SQL(privilege),
        sql.Identifier(database),
        sql.Identifier(role) if role else sql.SQL("PUBLIC"),
        sql.SQL(" WITH GRANT OPTION" if grantable else ""),
    )
