"""Databases for the tests on a real server: that of the stack in whose container `cron` the tests run."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final, LiteralString

import pytest
from bedplate.backup import django_commands
from bedplate.backup.configuration import read_configuration
from bedplate.backup.signatures import SigningKey, public_text
from bedplate.backup.stores import Store
from bedplate.environment import Environment, read_environment
from picture import connect
from project import Believe, Execute, MakeDatabase, MakeProject, Project
from psycopg import sql

KEY: Final = "only-for-tests-only-for-tests-only"


@pytest.fixture(scope="session")
def server() -> Environment:
    """Return the server and its superuser, by the variables of the container."""
    return read_environment(environment="local")


@pytest.fixture(scope="session")
def password(server: Environment) -> str:
    """Return the password of the superuser, and of the role that owns the tests' databases."""
    assert server.postgres_password is not None
    return server.postgres_password.get_secret_value()


@pytest.fixture(scope="session")
def owner(server: Environment, password: str) -> Iterator[str]:
    """Return the role that owns the tests' databases. It is not a superuser."""
    name = f"test_owner_{secrets.token_hex(3)}"
    with connect(server, "postgres") as connection:
        create = sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}")
        connection.execute(create.format(sql.Identifier(name), password))
        yield name
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture(autouse=True)
def server_variables(
    server: Environment, owner: str, password: str, environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Restore the variables that `environment` removes; the role is not the superuser."""
    monkeypatch.setenv("ENVIRONMENT", "local")
    monkeypatch.setenv("POSTGRES_HOST", server.postgres_host)
    monkeypatch.setenv("POSTGRES_PORT", str(server.postgres_port))
    monkeypatch.setenv("POSTGRES_USER", owner)
    monkeypatch.setenv("POSTGRES_PASSWORD", password)


@pytest.fixture(autouse=True)
def one_key(believe: Believe, server: Environment, environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make all environments sign with the same trusted key."""
    monkeypatch.setenv("BACKUP_SIGNING_KEY", KEY)
    names = ",".join(f"{server.compose_project_name}/{name}" for name in ("local", "dev", "prod"))
    believe(f"{names} {public_text(SigningKey(KEY).public)}")


@pytest.fixture
def roles(server: Environment) -> Iterator[list[str]]:
    """Return the created roles. They are dropped after the databases, which they may own."""
    made: list[str] = []
    yield made
    with connect(server, "postgres") as connection:
        for name in made:
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))


@pytest.fixture
def role(server: Environment, owner: str, roles: list[str]) -> str:
    """Return the name of a role that the owner of the databases may become."""
    name = f'test "role" {secrets.token_hex(3)}'
    with connect(server, "postgres") as connection:
        connection.execute(sql.SQL("CREATE ROLE {} ROLE {}").format(sql.Identifier(name), sql.Identifier(owner)))
    roles.append(name)
    return name


@pytest.fixture
def as_superuser(server: Environment) -> Execute:
    """Return a function that executes SQL as the superuser, in a project's database or another one."""

    def execute(database: Project | str, statements: LiteralString) -> None:
        name = database if isinstance(database, str) else database.configuration.variables.postgres_db
        with connect(server, name) as connection:
            connection.execute(statements)

    return execute


@pytest.fixture
def databases(server: Environment, owner: str, roles: list[str]) -> Iterator[MakeDatabase]:
    """Return a function that creates databases; all of them, and those of restores, are dropped at the end."""
    prefix = f"test_{secrets.token_hex(3)}"

    def make(options: LiteralString = "TEMPLATE template0") -> str:
        name = f"{prefix}_{secrets.token_hex(1)}"
        with connect(server, "postgres") as connection:
            create = sql.SQL("CREATE DATABASE {} OWNER {} {}")
            connection.execute(create.format(sql.Identifier(name), sql.Identifier(owner), sql.SQL(options)))
        return name

    yield make
    with connect(server, "postgres") as connection:
        query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
        for (name,) in connection.execute(query, [prefix]).fetchall():
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def make_project(
    databases: MakeDatabase, folder_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> MakeProject:
    """Return a function that makes environments of one project, with a database, media and a folder for backups."""

    def make(database: str = "", **variables: str) -> Project:
        database = database or databases()
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("POSTGRES_DB", database)
        monkeypatch.setenv("DATA_DIRECTORY", str(tmp_path / database))
        monkeypatch.setenv("BACKUP_URL", folder_store.url)
        return Project(read_configuration(), folder_store)

    return make


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """Return a project whose database is empty."""
    return make_project()


@pytest.fixture
def template(server: Environment, as_superuser: Execute) -> Iterator[Execute]:
    """Return a function that executes SQL in the template of new databases; its extensions are removed at the end."""
    yield as_superuser
    with connect(server, "template1") as connection:
        query = "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'"
        for (name,) in connection.execute(query).fetchall():
            connection.execute(sql.SQL("DROP EXTENSION {} CASCADE").format(sql.Identifier(name)))
        others = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$|public$)'"
        for (name,) in connection.execute(others).fetchall():
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


@pytest.fixture
def stranger(server: Environment, roles: list[str]) -> str:
    """Return a role that the owner of the databases cannot become."""
    name = f"stranger_{secrets.token_hex(3)}"
    with connect(server, "postgres") as connection:
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
    roles.append(name)
    return name


@pytest.fixture
def superusers_project(make_project: MakeProject, server: Environment) -> Project:
    """Return a project whose role is the superuser, as on some servers."""
    return make_project(POSTGRES_USER=server.postgres_user)


@pytest.fixture(scope="session")
def migrated(server: Environment, owner: str, password: str) -> Iterator[str]:
    """Return the name of a template database with the application's tables."""
    name = f"test_migrated_{secrets.token_hex(3)}"
    with connect(server, "postgres") as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))
        variables = {
            "POSTGRES_DB": name,
            "POSTGRES_HOST": server.postgres_host,
            "POSTGRES_USER": owner,
            "POSTGRES_PASSWORD": password,
            "SECRET_KEY": "only-for-tests-only-for-tests-only",
            "ENVIRONMENT": "local",
        }
        django_commands.manage("migrate", "--no-input", variables=os.environ | variables)
        yield name
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def site(databases: MakeDatabase, make_project: MakeProject, migrated: str) -> Project:
    """Return a project whose database has the application's tables."""
    return make_project(databases(f"TEMPLATE {migrated}"))
