"""A key of another environment, for tests that back up as that environment: known to the checkout, or not."""

from pathlib import Path
from typing import Final

from bedplate.backup.signatures import SigningKey, public_text

VARIABLES: Final = {"BACKUP_SIGNING_KEY": "only-for-tests-only-for-tests-only-for-tests"}


def trust_key(directory: Path, name: str) -> None:
    """Commit the key as that of PROJECT/ENVIRONMENT to the checkout in this folder, which is then mounted or built."""
    key = SigningKey(VARIABLES["BACKUP_SIGNING_KEY"])
    with (directory / "web/config/backup_signers").open("a") as file:
        file.write(f"{name} {public_text(key.public)}\n")


def as_environment(environment: str) -> tuple[str, ...]:
    """Return the options of `docker compose run` that run a command as that environment."""
    variables = VARIABLES | {"ENVIRONMENT": environment}
    return tuple(f"--env={name}={value}" for name, value in variables.items())
