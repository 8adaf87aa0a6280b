"""Plots of a value over time, as the coordinates of an SVG: one bar for each value. No JavaScript draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

WIDTH: Final = 600
HEIGHT: Final = 100
WIDEST_BAR: Final = 24


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A bar of a plot, in the SVG's units: integers, which no language formats with a comma."""

    x: int
    y: int
    width: int
    height: int
    at: datetime
    value: float


@dataclass(frozen=True, kw_only=True)
class Plot:
    """The bars of a plot, the oldest first, from 0 to the largest value."""

    bars: tuple[Bar, ...]
    largest: float
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def first(self) -> Bar:
        """The oldest bar."""
        return self.bars[0]

    @property
    def last(self) -> Bar:
        """The newest bar."""
        return self.bars[-1]


def plot(values: Sequence[tuple[datetime, float]]) -> Plot:
    """Return the plot of values at their times, the oldest first."""
    largest = max((value for _at, value in values), default=0)
    step = WIDTH // max(len(values), 1)
    bars = []
    for number, (at, value) in enumerate(values):
        height = max(1, round(HEIGHT * value / largest)) if largest else 1
        width = max(1, min(WIDEST_BAR, step - 2))
        bars.append(Bar(x=number * step, y=HEIGHT - height, width=width, height=height, at=at, value=value))
    return Plot(bars=tuple(bars), largest=largest)
