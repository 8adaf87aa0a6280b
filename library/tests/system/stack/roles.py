"""PostgreSQL's superuser, for tests that need one: it has no password, and gets one while they run."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from bedplate.testing.compose import Stack


def as_superuser(stack: Stack, sql: str, *, database: str = "app") -> str:
    """Return PostgreSQL's answer to its superuser, who logs in by the socket in its container."""
    options = ("--no-psqlrc", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--username=postgres")
    return stack.exec("postgres", "psql", *options, f"--command={sql}", database).strip()


@contextmanager
def superuser_variables(stack: Stack) -> Iterator[tuple[str, ...]]:
    """Yield options of `docker compose run` and `exec` with which a container's tests log in as the superuser."""
    password = secrets.token_hex(16)
    as_superuser(stack, f"ALTER ROLE postgres PASSWORD '{password}'")
    try:
        yield ("--env=POSTGRES_USER=postgres", f"--env=POSTGRES_PASSWORD={password}")
    finally:
        as_superuser(stack, "ALTER ROLE postgres PASSWORD NULL")
