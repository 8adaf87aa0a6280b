"""Agent in the chaos stack: answers requests, a line of JSON each, so that no request costs a new process."""

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from stack.chaos.objects import Inspector, open_objects
from stack.chaos.processes import CommandResult, run

DATA: Final = Path("/data")
MEDIA: Final = DATA / "uploads"
WORK_DIRECTORY: Final = DATA / "backup_data"
VERIFIER: Final = Path("/run/verifier")
LIVE: Final = "app"
PREVIOUS: Final = f"{LIVE}_previous_"
INVALID: Final = "-2"
INSPECTOR: Final = Inspector()
OTHERS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


def postgresql(*command: str, data: str | None = None) -> str:
    """Return the output of one of PostgreSQL's programs. Raise CalledProcessError if it fails."""
    variables = {"PGHOST": "postgres", "PGUSER": "app", "PGPASSWORD": os.environ["POSTGRES_PASSWORD"]}
    result = subprocess.run(
        command, env=os.environ | variables, input=data, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise RuntimeError(f"{command[0]}: {result.stderr[-2000:]}")
    return result.stdout


def query(sql: str, *, database: str = LIVE) -> str:
    """Return the database's answer to some statements, unaligned."""
    options = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--file=-")
    return postgresql("psql", *options, database, data=sql).strip()


def database_digest(database: str) -> str:
    """Return the hash of pg_dump's output for a database; "invalid" if the database was being dropped.

    It leaves out the records of backups, which the commands write themselves.
    """
    if query(f"SELECT datconnlimit FROM pg_database WHERE datname = '{database}'", database="postgres") == INVALID:
        return "invalid"
    lines = postgresql("pg_dump", "--exclude-table-data=backup_records*", database).splitlines()
    # Each run of pg_dump makes up its own keys for these two.
    kept = (line for line in lines if not line.startswith(("\\restrict", "\\unrestrict")))
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()[:16]


def media_digest(folder: Path) -> str:
    """Return the hash of all names and contents in a folder."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(f"{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()[:16]


def databases() -> list[str]:
    """Return the names of all databases but PostgreSQL's own."""
    names = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1"
    return query(names, database="postgres").splitlines()


def observe(*, url: str) -> dict[str, Any]:
    """Return everything that a backup or restore could have changed, here and in the store."""
    found = databases()
    previous = [name.removeprefix(PREVIOUS) for name in found if name.startswith(PREVIOUS)]
    return {
        "live": {"database": database_digest(LIVE), "media": media_digest(MEDIA)},
        "previous": [
            {
                "database": database_digest(PREVIOUS + restore),
                "media": media_digest(WORK_DIRECTORY / f"previous-{restore}" / "media"),
            }
            for restore in previous
        ],
        "databases": [name for name in found if name != LIVE and not name.startswith(PREVIOUS)],
        "work_directory": sorted(
            path.name
            for path in WORK_DIRECTORY.glob("*")
            if path.name not in {"lock", "installation", "made.json", *(f"previous-{restore}" for restore in previous)}
        ),
        "store": dataclasses.asdict(INSPECTOR.inspect(open_objects(url, emulator=os.environ["STORAGE_EMULATOR_HOST"]))),
    }


def add_media(*, name: str, size: int, seed: int) -> None:
    """Write an incompressible file."""
    path = MEDIA / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(hashlib.shake_128(f"{seed} {name}".encode()).digest(size))


def run_command(*, command: Sequence[str], variables: Mapping[str, str], **options: Any) -> CommandResult:
    """Return the result of a command (see `processes.run`)."""
    return run(command, variables=variables, **options)


def make_bucket(*, name: str) -> None:
    """Make an empty bucket in the store."""
    address = f"{os.environ['STORAGE_EMULATOR_HOST']}/storage/v1/b"
    request = urllib.request.Request(address, json.dumps({"name": name}).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=20).close()


def ready() -> bool:
    """Return whether both servers answer, and no work for killed commands is left, the verifier's included."""
    try:
        urllib.request.urlopen(f"{os.environ['STORAGE_EMULATOR_HOST']}/storage/v1/b", timeout=5).close()
        return query(OTHERS) == "0" and not list(VERIFIER.glob(".s.PGSQL.*"))
    except (RuntimeError, OSError):
        return False


QUESTIONS: Final[dict[str, Callable[..., Any]]] = {
    "add_media": add_media,
    "make_bucket": make_bucket,
    "observe": observe,
    "query": query,
    "ready": ready,
    "run": run_command,
}


def main() -> None:
    """Answer requests until there are no more."""
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer = QUESTIONS[name](**arguments)
            value = dataclasses.asdict(answer) if isinstance(answer, CommandResult) else answer
            reply = {"answer": value}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
