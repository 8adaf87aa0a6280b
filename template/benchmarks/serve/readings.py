"""The reading of one run of a load, and of several rounds together."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Reading:
    """Requests per second, latencies in milliseconds, and requests without an answer, or without the right one.

    `cpu` are the CPU seconds of a request in all containers together, the load's included; 0 if not measured.
    """

    rate: float
    p50: float
    p99: float
    errors: int
    cpu: float = 0.0


def from_wrk(summary: dict[str, Any], *, cpu: float) -> Reading:
    """Return the reading of a run of wrk, whose times are microseconds, and which took `cpu` CPU seconds."""
    return Reading(
        rate=summary["requests"] / summary["duration"] * 1e6,
        p50=summary["p50"] / 1e3,
        p99=summary["p99"] / 1e3,
        errors=summary["lost"] + summary["refused"],
        cpu=cpu / max(1, summary["requests"]),
    )


def combine(rounds: Sequence[Reading]) -> Reading:
    """Return the medians of the rounds, and the sum of their errors."""
    return Reading(
        rate=median(reading.rate for reading in rounds),
        p50=median(reading.p50 for reading in rounds),
        p99=median(reading.p99 for reading in rounds),
        errors=sum(reading.errors for reading in rounds),
        cpu=median(reading.cpu for reading in rounds),
    )


def share_of_limit(rounds: Sequence[Reading], *, cores: int) -> float:
    """Return the share of the cores' time spent on requests: 1 is the CPU limit, cores / CPU seconds per request."""
    return median(reading.rate * reading.cpu / cores for reading in rounds)


def ratio(rounds: Sequence[Reading], against: Sequence[Reading]) -> float:
    """Return the ratio of this rate to the others': the median of the rounds' ratios."""
    return median(mine.rate / other.rate for mine, other in zip(rounds, against, strict=True))
