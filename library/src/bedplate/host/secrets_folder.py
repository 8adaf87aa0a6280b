"""The folder secrets/ of a server: its files, and the generation of new ones."""

import os
import secrets
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.host import installed_as
from bedplate.host.configuration.environment import Environment
from bedplate.host.configuration.owner import owner_ids
from bedplate.host.configuration.secret_list import FOLDER, POSTGRES, Secret

FIRST: Final = (
    "secret_key",
    "postgres_password",
    "default_user_password",
)  # every server has these


def random_text(size: int) -> str:
    """Return a text of letters and digits, from `size` random bytes."""
    return b64encode(secrets.token_bytes(size), b"xy").decode().rstrip("=")


def had(name: str) -> bool:
    """Return whether this folder already had the secret: if its file is missing now, it was lost."""
    return name in FIRST or name in installed_as.secrets()


@dataclass(frozen=True, kw_only=True)
class SecretsFolder:
    """The secrets of an environment, and the folder of their files."""

    secrets: Mapping[str, Secret]
    environment: Environment

    def write_missing(self) -> None:
        """Create the missing secrets. An empty one is written again, so that the application may read it."""
        FOLDER.mkdir(mode=0o700, exist_ok=True)
        for secret in self.secrets.values():
            if not secret.is_derived and not _size(FOLDER / secret.name):
                self.put(secret.name, new_value(secret))
        # An empty copy comes from a full disk.
        if POSTGRES in self.secrets and not _size(FOLDER / POSTGRES):
            self.put(POSTGRES, "".join(text_of(FOLDER / "postgres_password").partition("\n")[:2]))

    def put(self, name: str, value: str) -> None:
        """Write a secret atomically; only its owner can read it from the first byte on."""
        unfinished = FOLDER / f".{name}.new"
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(value)
        self.close(unfinished)
        unfinished.replace(FOLDER / name)

    def close_all(self) -> None:
        """Make all files private to the user of the containers.

        Not PostgreSQL's own file, which may belong to another user already, nor hashes, which other users read.
        """
        FOLDER.chmod(0o700)
        derived = {name for name, secret in self.secrets.items() if secret.is_derived} | {POSTGRES}
        for file in FOLDER.iterdir():
            if file.is_file() and not file.is_symlink() and file.name not in derived and not file.name.startswith("."):
                self.close(file)

    def close(self, file: Path) -> None:
        """Let only the user of the containers read the file."""
        file.chmod(0o600)
        if os.geteuid() == 0:
            os.chown(file, *owner_ids(self.environment))

    def note(self) -> None:
        """Store the names of the created secrets, so that a lost one is not generated again.

        A lost password of DEV's basic auth may be generated again.
        """
        installed_as.add_secrets(name for name in self.secrets if name != "dev_password" and not had(name))

    def new_ones(self) -> list[str]:
        """Return a note for each secret that a release adds."""
        return [
            f"secrets/{name} is new, and generated now."
            if secret.length or secret.is_derived
            else f"secrets/{name} is new, and empty. Give it: ./bedplate rotate-secret {name} --from FILE"
            for name, secret in self.secrets.items()
            if not (FOLDER / name).exists()
        ]


def new_value(secret: Secret) -> str:
    """Return a new secret; an empty text if it comes from elsewhere."""
    if not secret.length:
        return ""
    form = "dev:{PLAIN}SECRET" if secret.name == "dev_password" else secret.form or "SECRET"
    return form.replace("SECRET", random_text(secret.length * 3 // 2), 1)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def text_of(file: Path) -> str:
    """Return the text of a secret so that writing it restores every byte."""
    return file.read_bytes().decode(errors="surrogateescape")
