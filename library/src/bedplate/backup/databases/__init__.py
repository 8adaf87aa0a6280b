"""The database servers that can be backed up: what they have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from bedplate.backup.manifest import Census, Engine
from bedplate.backup.progress import Step

DJANGO: Final = "django"
"""Of what a restore or a drill prepares, the data directory that the application's code has meanwhile."""

type Finished = Callable[[Path], None]
"""Called with each file of a dump as soon as it is whole."""

type Say = Callable[[str], None]
"""Shows a line to people."""


class Database(Protocol):
    """The live database, and the others that restores need beside it, each known by the id of its restore."""

    @property
    def engine(self) -> Engine:
        """The server."""

    def exists(self) -> bool:
        """Return whether there is a live database, damaged or not."""

    @property
    def disk(self) -> Path | None:
        """A folder on the server's disk; None when that cannot be seen from here."""

    def room(self, size: int) -> int:
        """Return the bytes that a restore of a database of this size writes to the server's disk, at most."""

    def close_staging(self, restore: str) -> None:
        """End all connections to the staging database, and allow no new ones."""

    def size(self) -> int:
        """Return the bytes that the live database takes."""

    def dump(self, folder: Path, *, finished: Finished, step: Step, say: Say) -> Census:
        """Return what the live database held at the moment that the files in `folder` show.

        It is said what of it the owner of a database could not restore.
        """

    def staging(self, restore: str) -> "StagingDatabase":
        """Return the database that a restore prepares, whether it is there yet or not."""

    def swap(self, restore: str) -> None:
        """Make the staging database the live one, and the live one the previous one, in one step or not at all."""

    def swap_back(self, earlier: str, restore: str) -> None:
        """Make live what the restore `earlier` replaced, and what is live now the previous one of `restore`."""

    def swapped(self, restore: str) -> bool:
        """Return whether that restore, or one that undid it, got as far as the swap."""

    def previous(self) -> list[str]:
        """Return the restores whose previous databases are kept, oldest first."""

    def drop_staging(self) -> None:
        """Remove every staging database."""

    def drop_previous(self, restore: str) -> None:
        """Remove the database that a restore replaced."""


class StagingDatabase(Protocol):
    """A database that is made of a dump: to become the live one, or to be compared and removed again."""

    @property
    def engine(self) -> Engine:
        """Its server."""

    @property
    def name(self) -> str:
        """What Django calls it."""

    @property
    def variables(self) -> dict[str, str]:
        """The variables that make Django use it."""

    def load(self, folder: Path, *, roles: tuple[str, ...] | None, step: Step) -> str:
        """Make it from the files of a dump. Return what people should know of it, or nothing.

        With None for the dump's roles, owners and grants are left out.
        """

    def export(self, folder: Path) -> Path:
        """Return a file in the folder: the database as people restore it who have no backup system."""

    def census(self) -> Census:
        """Return what it holds."""
