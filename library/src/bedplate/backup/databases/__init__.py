"""The interface to the database servers that can be backed up."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from bedplate.backup.manifest import DatabaseInventory, Engine
from bedplate.backup.progress import Step

DJANGO: Final = "django"
"""The data directory of the application's code while a restore or a drill prepares a database."""

type Finished = Callable[[Path], None]
"""Called with each file of a dump as soon as it is complete."""

type Say = Callable[[str], None]
"""Shows a line to the user."""


class LiveDatabase(Protocol):
    """The live database, and the staging and previous databases of restores, each identified by its restore's id."""

    @property
    def engine(self) -> Engine:
        """The server."""

    def exists(self) -> bool:
        """Return whether there is a live database, damaged or not."""

    @property
    def disk(self) -> Path | None:
        """A folder on the server's disk; None when that is not visible from here."""

    def room(self, size: int) -> int:
        """Return the bytes that a restore of a database of this size writes to the server's disk, at most."""

    def close_staging(self, restore: str) -> None:
        """End all connections to the staging database, and allow no new ones."""

    def size(self) -> int:
        """Return the bytes that the live database takes."""

    def dump(self, folder: Path, *, finished: Finished, step: Step, say: Say) -> DatabaseInventory:
        """Dump the live database into `folder`. Return the inventory at the moment of the dump.

        `say` reports what the owner of a database could not restore.
        """

    def staging(self, restore: str) -> "StagingDatabase":
        """Return the database that a restore prepares, whether it exists yet or not."""

    def swap(self, restore: str) -> None:
        """Make the staging database live, and the live one the previous one, atomically."""

    def swap_back(self, earlier: str, restore: str) -> None:
        """Swap in the database that restore `earlier` kept, and keep the live one as the previous one of `restore`."""

    def swapped(self, restore: str) -> bool:
        """Return whether that restore, or its undo, reached the swap."""

    def previous(self) -> list[str]:
        """Return the restores whose previous databases are kept, oldest first."""

    def drop_staging(self) -> None:
        """Remove every staging database."""

    def drop_previous(self, restore: str) -> None:
        """Remove the database that a restore replaced."""


class StagingDatabase(Protocol):
    """A database that is restored from a dump: to become the live one, or to be compared and removed again."""

    @property
    def engine(self) -> Engine:
        """Its server."""

    @property
    def name(self) -> str:
        """Its name in Django's settings."""

    @property
    def variables(self) -> dict[str, str]:
        """The variables that make Django use it."""

    def load(self, folder: Path, *, roles: tuple[str, ...] | None, step: Step) -> str:
        """Restore it from the files of a dump. Return notes for the user, or nothing.

        If `roles` (those of the dump) is None, leave owners and grants out.
        """

    def export(self, folder: Path) -> Path:
        """Return a file in the folder: the database in a form that can be restored without a backup system."""

    def inventory(self) -> DatabaseInventory:
        """Return its inventory."""
