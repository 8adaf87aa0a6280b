"""What is in the laboratory at some moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class State:
    """A database and the media that belong to it, by hashes of all that is in them."""

    database: str
    media: str


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What a backup or restore could have changed."""

    live: State
    previous: Sequence[State]
    databases: Sequence[str]
    """Neither live nor previous."""
    workplace: Sequence[str]
    """Files and folders that an undisturbed command leaves none of."""
    damage: Sequence[str]
    """Objects that backups with a manifest lack, or that are not what they were."""
    unfinished: Sequence[str]
    """Objects of no backup."""
    unused: Sequence[str]
    """Media that no backup needs: pruning removes them."""

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> "Observation":
        """Return what the agent saw."""
        store = answer["store"]
        return cls(
            live=State(**answer["live"]),
            previous=[State(**state) for state in answer["previous"]],
            databases=answer["databases"],
            workplace=answer["workplace"],
            **{name: store[name] for name in ("damage", "unfinished", "unused")},
        )

    def states(self) -> tuple[State, State]:
        """Return what is live, and what the last restore replaced."""
        return self.live, self.previous[-1]

    @property
    def is_tidy(self) -> bool:
        """Whether nothing is left of what was interrupted, but media that the next backup may need."""
        return not (self.databases or self.workplace or self.unfinished) and len(self.previous) <= 1
