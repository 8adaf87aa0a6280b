"""A PostgreSQL server of another operator, as Cloud SQL and RDS are: TLS only, and no superuser role."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.testing.checkout import unique_slug
from bedplate.testing.compose import attempt, run, wait_until

from stack.valkey import write_certificate

HOST: Final = "db.example.com"
START: Final = """\
install -m 600 /tls/key.pem /tmp/key.pem
printf 'local all all trust\\nhostssl all all all scram-sha-256\\n' >/tmp/hba.conf
exec docker-entrypoint.sh postgres -c ssl=on -c ssl_cert_file=/tls/cert.pem -c ssl_key_file=/tmp/key.pem \
  -c hba_file=/tmp/hba.conf -c log_statement=all"""
ADMIN: Final = "CREATE ROLE dba LOGIN CREATEDB CREATEROLE"  # the role that a provider gives its customer


@dataclass(frozen=True, kw_only=True)
class ManagedServer:
    """The running server; `certificate` is the one of its authority."""

    name: str
    certificate: Path

    def sql(self, statements: str, *, user: str = "site", database: str = "site") -> str:
        """Return the server's answer to statements."""
        options = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1")
        login = (f"--username={user}", f"--dbname={database}")
        return run("docker", "exec", self.name, "psql", *options, *login, f"--command={statements}").strip()

    def accepts_password(self, password: str) -> bool:
        """Return whether the site's role can log in over the network with this password."""
        query = ("psql", "host=127.0.0.1 user=site dbname=site sslmode=require", "--no-psqlrc", "--command=SELECT 1")
        result = attempt("docker", "exec", f"--env=PGPASSWORD={password}", self.name, *query)
        assert result.returncode == 0 or "password authentication failed" in result.stderr, result.stderr
        return result.returncode == 0

    def log(self) -> str:
        """Return the log that its operator reads: every statement."""
        result = attempt("docker", "logs", self.name)
        return result.stdout + result.stderr


@contextmanager
def managed_server(network: str, folder: Path) -> Iterator[ManagedServer]:
    """Run a server in this network, as HOST, with its own authority; remove all of it at the end."""
    write_certificate(folder, HOST)
    (folder / "key.pem").chmod(0o644)
    folder.chmod(0o755)
    name = unique_slug()
    options = (
        *("--detach", "--user=999:999", f"--name={name}", f"--network={network}", f"--network-alias={HOST}"),
        *("--tmpfs=/var/lib/postgresql:uid=999,gid=999", "--tmpfs=/tmp", f"--volume={folder}:/tls:ro"),
        *("--env=POSTGRES_USER=cloudsqladmin", f"--env=POSTGRES_PASSWORD={secrets.token_hex(16)}"),
    )
    run("docker", "run", *options, "--entrypoint=bash", "postgres:18-trixie", "-ec", START)
    try:
        # Over TCP: while the database is being created, the server answers on its socket only.
        ready = ("docker", "exec", name, "pg_isready", "--quiet", "--host=127.0.0.1")
        wait_until(lambda: attempt(*ready).returncode == 0, limit=60, what="the managed server answers")
        server = ManagedServer(name=name, certificate=folder / "cert.pem")
        server.sql(ADMIN, user="cloudsqladmin", database="postgres")
        yield server
    finally:
        run("docker", "rm", "--force", "--volumes", name)
