"""The files of a secret during a rotation, and their lines.

A file of secrets/ is replaced atomically. Running services keep the file that they started with.
secrets/.NAME.next is the new secret during a rotation: after a kill, the next run continues with it.

secret_key and postgres_password may have several lines: the first is used, the others are accepted, too. So every
running service accepts the secrets of all others: first all accept the next secret, then all use it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.host.configuration.secret_list import FOLDER, Secret
from bedplate.host.secrets_folder import SecretsFolder, new_value, text_of

WITH_LINES: Final = ("secret_key", "postgres_password")
DEV_PASSWORD: Final = "dev_password"  # noqa: S105 - the name of the secret


def as_basic_auth(value: str) -> str:
    """Return the line of nginx's password file for a given line or a plain password."""
    return value if value.startswith(("dev:{", "dev:$")) else f"dev:{{PLAIN}}{value}"


@dataclass(frozen=True)
class SecretFiles:
    """The current secret, the next one, and the previous one."""

    secret: Secret
    folder: SecretsFolder

    @property
    def current(self) -> Path:
        """The current secret."""
        return FOLDER / self.secret.name

    @property
    def next(self) -> Path:
        """The new secret, during a rotation."""
        return FOLDER / f".{self.secret.name}.next"

    @property
    def previous(self) -> Path:
        """The secret from before the rotation, until that is complete."""
        return FOLDER / f".{self.secret.name}.previous"

    @property
    def unfinished(self) -> Path:
        """A file that is being written."""
        return FOLDER / f".{self.secret.name}.new"

    @property
    def has_lines(self) -> bool:
        """True if earlier secrets may be in the file, below the one that is used."""
        return self.secret.name in WITH_LINES

    def keep_next(self, given: str) -> None:
        """Store the current secret as the previous one, and the new one: given, from a killed run, or generated."""
        # A secret that a killed run put in place is not tested. With several lines it works in any case.
        if self.has_lines or not self.previous.exists():
            self.folder.put(self.previous.name, text_of(self.current))
        if given:
            self.folder.put(self.next.name, f"{given}\n")
        elif not self.next.exists() or not self.next.stat().st_size:
            self.folder.put(self.next.name, new_value(self.secret))

    def lines(self) -> list[str]:
        """Return the lines of the current secret."""
        return [line for line in lines_of(self.current) if line]

    def next_value(self) -> str:
        """Return the new secret in the format of its file."""
        value = text_of(self.next).rstrip("\n").removesuffix("\r")
        return as_basic_auth(value) if self.secret.name == DEV_PASSWORD else value

    def others(self) -> list[str]:
        """Return the lines that are not the new secret."""
        new = lines_of(self.next)
        return [line for line in self.lines() if line not in new]

    def is_in_use(self) -> bool:
        """Return whether the new secret is the first line."""
        return self.next.exists() and self.lines()[:1] == [self.next_value()]

    def write(self, *values: str) -> None:
        """Write the current secret."""
        self.folder.put(self.secret.name, "".join(f"{value}\n" for value in values))

    def use(self) -> None:
        """Replace the current secret by the new one."""
        self.write(self.next_value())

    def learn(self) -> None:
        """Accept the new secret beside the current one."""
        if not self.is_in_use():
            self.write(*self.lines()[:1], self.next_value(), *self.others()[1:])

    def use_first(self) -> None:
        """Use the new secret; still accept the earlier ones."""
        if not self.is_in_use():
            self.write(self.next_value(), *self.others())

    def keep_lines(self, number: int) -> None:
        """Keep the first lines."""
        self.write(*self.lines()[:number])


def lines_of(file: Path) -> list[str]:
    """Return the lines of a secret, without line ends, CRLF too."""
    return [line.removesuffix("\r") for line in text_of(file).split("\n")]
