"""Measured numbers, beside the promised ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

MEGABYTE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Number:
    """A promised number, and its reading."""

    what: str
    value: float
    target: float
    at_least: bool = False
    unit: str = "x"

    @property
    def reached(self) -> bool:
        """True if the promise holds."""
        return self.value >= self.target if self.at_least else self.value <= self.target

    def __str__(self) -> str:
        verdict = "reached" if self.reached else "MISSED"
        bound = f"{'at least' if self.at_least else 'at most'} {self.target:g} {self.unit}"
        return f"  {verdict:8} {self.value:8.2f} {self.unit:3} {self.what} (target: {bound})"


def ratio(rounds: Sequence[float], against: Sequence[float]) -> float:
    """Return the median of the rounds' ratios."""
    return median(mine / other for mine, other in zip(rounds, against, strict=True))


def timings(rounds: dict[str, list[float]]) -> str:
    """Return the median of each, and all rounds."""
    return "\n".join(
        f"  {median(seconds):7.2f} s  {what} ({', '.join(f'{second:.1f}' for second in seconds)})"
        for what, seconds in rounds.items()
    )
