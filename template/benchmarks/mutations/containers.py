"""PostgreSQL, the verifier and the cron container, with the checkout's code, for tests that need a server."""

import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from trial import KILLED_BY_LIMIT, PYTEST, Execute, run_for

HARDLY_WAITED: Final = 30


@contextmanager
def cron_container(checkout: Path, *, prefix: str = "mutations") -> Iterator[Execute]:
    """Yield a function that runs pytest in a cron container with the checkout mounted; remove all of it at the end."""
    name = f"{prefix}-{secrets.token_hex(3)}"
    database, cron, verifier = f"{name}-postgres", f"{name}-cron", f"{name}-verifier"
    password, socket = secrets.token_hex(16), f"{name}-socket:/run/verifier"
    try:
        _build(checkout, name)
        _docker("build", "--quiet", "--tag", verifier, str(checkout / "library/verifier"))
        _docker("run", "--detach", "--name", database, f"--env=POSTGRES_PASSWORD={password}", *_SERVER)
        _docker("run", "--detach", "--name", verifier, *_VERIFIER, f"--volume={socket}", verifier)
        options = [*_options(checkout, database, password), f"--volume={socket}"]
        _docker("run", "--detach", "--name", cron, *options, name, "sleep", "infinity")
        _docker("exec", database, "bash", "-c", _UNTIL_READY)
        yield _in_container(cron, checkout)
    finally:
        _docker("rm", "--force", "--volumes", cron, database, verifier)
        _docker("volume", "rm", "--force", f"{name}-socket")
        _docker("image", "rm", "--force", name, verifier)


# As in services.yml: without a network, its server's files in a volume that is removed with it.
_VERIFIER: Final = (
    *("--network=none", "--user=999:999", "--env=RESERVE_MB=1024", "--shm-size=256m"),
    *("--tmpfs=/tmp", "--tmpfs=/var/lib/postgresql", "--volume=/var/lib/verifier"),
)
_SERVER: Final = (
    "--add-host=postgres:127.0.0.1",  # the service's name, for programs that log in from the same network
    *("--env=POSTGRES_USER=app", "--env=POSTGRES_DB=app", "--shm-size=256m", "postgres:18-trixie"),
)
_UNTIL_READY: Final = "for _ in {1..300}; do pg_isready -qh 127.0.0.1 -U app && exit; sleep 0.2; done; exit 1"


def _build(checkout: Path, image: str) -> None:
    contexts = [f"--build-context={name}={checkout / name}" for name in ("cron", "library")]
    _docker("build", "--quiet", "--target=cron-local", *contexts, "--tag", image, str(checkout / "web"))


def _options(checkout: Path, database: str, password: str) -> list[str]:
    variables = {
        "COMPOSE_PROJECT_NAME": "mutations",
        "ENVIRONMENT": "local",
        "POSTGRES_HOST": "127.0.0.1",
        "POSTGRES_USER": "app",
        "POSTGRES_DB": "app",
        "POSTGRES_PASSWORD": password,
        "SECRET_KEY": secrets.token_hex(32),
        "HOME": "/tmp",  # noqa: S108 - the container's own
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    mounts = ("--volume", f"{checkout / 'web'}:/app:ro", "--volume", f"{checkout / 'library'}:/library:ro")
    return [
        f"--network=container:{database}",
        "--init",
        *mounts,
        *(f"--env={key}={variables[key]}" for key in variables),
    ]


def _docker(*arguments: str) -> None:
    subprocess.run(["docker", *arguments], check=True, stdout=subprocess.DEVNULL)


def _in_container(name: str, checkout: Path) -> Execute:
    def execute(arguments: Sequence[str], limit: float) -> int | None:
        ended = ("timeout", "--signal=KILL", str(round(limit)))  # Docker's client alone would leave them running
        command = ("docker", "exec", name, *ended, "python", *PYTEST, *arguments)
        status = run_for(command, limit + HARDLY_WAITED, directory=checkout)
        return None if status == KILLED_BY_LIMIT else status

    return execute
