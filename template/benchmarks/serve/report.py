"""The readings of a run, as text and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from readings import Reading, combine, ratio, share_of_limit

BASELINE_TARGET: Final = 1.8
CPU_TARGET: Final = 0.95
P99_TARGET: Final = 60.0
STATIC_TARGET: Final = 3000
STATIC_P99_TARGET: Final = 20.0


@dataclass(frozen=True)
class Subject:
    """A subject, measured in turn with the others, a reading per round."""

    title: str
    rounds: Sequence[Reading]

    @property
    def reading(self) -> Reading:
        """The reading of all rounds together."""
        return combine(self.rounds)


@dataclass(frozen=True)
class Results:
    """All results of one run. The first of the servers is the one that the image ships."""

    cores: int
    servers: Sequence[Subject]
    baseline: Subject
    mixes: Sequence[Subject]
    ceiling: Subject
    static: Subject

    @property
    def subjects(self) -> list[Subject]:
        """All measured subjects."""
        return [*self.servers, self.baseline, *self.mixes, self.ceiling, self.static]

    def against_baseline(self, server: Subject) -> float:
        """Return the server's rate, as a multiple of the baseline's."""
        return ratio(server.rounds, self.baseline.rounds)

    def against_ceiling(self, server: Subject) -> float:
        """Return the server's rate, as a share of the rate of all cores without a server."""
        return ratio(server.rounds, self.ceiling.rounds) / self.cores


def as_text(results: Results) -> str:
    """Return a table of the medians, and under it the targets of each server."""
    return "\n".join(
        [
            "  requests/s    p50 ms    p99 ms  errors  CPU ms/request",
            *(table_row(subject) for subject in results.subjects),
            *(line for server in results.servers for line in verdicts(results, server)),
            *static_verdicts(results.static),
        ]
    )


def table_row(subject: Subject) -> str:
    """Return the medians as a row."""
    reading = subject.reading
    numbers = f"{reading.rate:12.0f}{reading.p50:10.2f}{reading.p99:10.2f}{reading.errors:8}{reading.cpu * 1e3:16.2f}"
    return f"{numbers}  {subject.title}"


def verdicts(results: Results, server: Subject) -> list[str]:
    """Return the server's results for each target."""
    baseline, share = results.against_baseline(server), share_of_limit(server.rounds, cores=results.cores)
    limit = results.cores / server.reading.cpu if server.reading.cpu else 0.0
    p99, errors = server.reading.p99, server.reading.errors
    return [
        "",
        server.title,
        verdict(baseline >= BASELINE_TARGET, f"{baseline:.2f} x the baseline", f"at least {BASELINE_TARGET}"),
        verdict(share >= CPU_TARGET, f"{share:.2f} of the CPU limit, {limit:.0f} requests/s", f"at least {CPU_TARGET}"),
        f"          {results.against_ceiling(server):.2f} of cores x the application by itself",
        verdict(p99 <= P99_TARGET, f"{p99:.1f} ms at the 99th percentile", f"at most {P99_TARGET}"),
        verdict(errors == 0, f"{errors} errors", "none"),
    ]


def static_verdicts(static: Subject) -> list[str]:
    """Return the results of nginx by itself."""
    rate, p99 = static.reading.rate, static.reading.p99
    return [
        "",
        static.title,
        verdict(rate >= STATIC_TARGET, f"{rate:.0f} requests/s", f"at least {STATIC_TARGET}"),
        verdict(p99 <= STATIC_P99_TARGET, f"{p99:.1f} ms at the 99th percentile", f"at most {STATIC_P99_TARGET}"),
    ]


def verdict(reached: bool, value: str, target: str) -> str:
    """Return a line about one target."""
    return f"  {'reached' if reached else 'MISSED'}  {value} (target: {target})"


def as_json(results: Results) -> str:
    """Return everything: the rounds, their medians and the ratios."""

    def describe(subject: Subject) -> dict[str, Any]:
        return asdict(subject) | {"median": asdict(subject.reading)}

    servers = [
        describe(server)
        | {
            "against_baseline": results.against_baseline(server),
            "against_ceiling": results.against_ceiling(server),
            "share_of_cpu_limit": share_of_limit(server.rounds, cores=results.cores),
        }
        for server in results.servers
    ]
    others = {name: describe(getattr(results, name)) for name in ("baseline", "ceiling", "static")}
    mixes = [describe(mix) for mix in results.mixes]
    return json.dumps({"cores": results.cores, "servers": servers, "mixes": mixes} | others, indent=2)
