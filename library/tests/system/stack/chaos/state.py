"""The contents of the chaos stack at some moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class State:
    """A database and its media, as hashes of their contents."""

    database: str
    media: str


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Everything that a backup or restore could have changed."""

    live: State
    previous: Sequence[State]
    databases: Sequence[str]
    """Databases that are neither live nor previous."""
    work_directory: Sequence[str]
    """Files and folders that an undisturbed command does not leave."""
    damage: Sequence[str]
    """Missing or changed objects of backups with a manifest."""
    unfinished: Sequence[str]
    """Objects of no backup."""
    unused: Sequence[str]
    """Media that no backup needs: pruning removes them."""

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> "Observation":
        """Return the agent's observation."""
        store = answer["store"]
        return cls(
            live=State(**answer["live"]),
            previous=[State(**state) for state in answer["previous"]],
            databases=answer["databases"],
            work_directory=answer["work_directory"],
            **{name: store[name] for name in ("damage", "unfinished", "unused")},
        )

    def states(self) -> tuple[State, State]:
        """Return the live state, and the state that the last restore replaced."""
        return self.live, self.previous[-1]

    @property
    def is_tidy(self) -> bool:
        """True if interrupted commands have left nothing, except media that the next backup may need."""
        return not (self.databases or self.work_directory or self.unfinished) and len(self.previous) <= 1
