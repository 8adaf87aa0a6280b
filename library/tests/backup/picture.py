"""The whole content of a PostgreSQL database, read by independent tools, to compare it with another one."""

import os
import subprocess
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg
from bedplate.environment import Environment
from psycopg import sql

RELATIONS: Final = """
    SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND relkind = ANY(%s) AND relispopulated ORDER BY 1, 2
"""
LARGE_OBJECTS: Final = "SELECT oid, md5(lo_get(oid)), length(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY 1"
# They differ between runs of pg_dump.
RESTRICTIONS: Final = (b"\\restrict ", b"\\unrestrict ")

type Connection = psycopg.Connection[tuple[Any, ...]]
type Picture = dict[str, Any]


def connect(environment: Environment, database: str | None = None) -> Connection:
    """Return a connection to the environment's database, or another one of its server, in autocommit mode."""
    return psycopg.connect(
        host=environment.postgres_host,
        port=environment.postgres_port,
        user=environment.postgres_user,
        password=_password(environment),
        dbname=database or environment.postgres_db,
        autocommit=True,
    )


def picture(environment: Environment) -> Picture:
    """Return the database's schema as text, every row of every table, every sequence and every large object."""
    with connect(environment) as connection:
        connection.execute("SET statement_timeout = 0")
        return {
            "schema": _schema(environment),
            "large objects": connection.execute(LARGE_OBJECTS).fetchall(),
            **_each(connection, ["r", "m"], "SELECT shown::text FROM ONLY {} AS shown ORDER BY 1"),
            **_each(connection, ["S"], "SELECT last_value, is_called FROM {}"),
        }


def _each(connection: Connection, kinds: list[str], query: LiteralString) -> Picture:
    relations = connection.execute(RELATIONS, [kinds]).fetchall()
    return {
        f"{schema}.{name}": connection.execute(sql.SQL(query).format(sql.Identifier(schema, name))).fetchall()
        for schema, name in relations
    }


def client(program: str, environment: Environment, *arguments: str | Path) -> bytes:
    """Return the output of a PostgreSQL program on the environment's database."""
    result = subprocess.run(
        [
            program,
            f"--host={environment.postgres_host}",
            f"--port={environment.postgres_port}",
            f"--username={environment.postgres_user}",
            f"--dbname={environment.postgres_db}",
            *arguments,
        ],
        env=os.environ | {"PGPASSWORD": _password(environment)},
        check=False,
        capture_output=True,
    )
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout


def _schema(environment: Environment) -> list[str]:
    lines = client("pg_dump", environment, "--schema-only").splitlines()
    return [line.decode(errors="surrogateescape") for line in lines if not line.startswith(RESTRICTIONS)]


def _password(environment: Environment) -> str:
    return environment.postgres_password.get_secret_value() if environment.postgres_password else ""
