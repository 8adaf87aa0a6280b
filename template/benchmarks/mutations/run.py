#!/usr/bin/env python3
"""Puts small faults into the code, one at a time, and prints those that no test notices.

Run it with the tests' Python: .venv/bin/python template/benchmarks/mutations/run.py [PACKAGE…] (see --help)
"""

import argparse
import hashlib
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

sys.path.append(str(Path(__file__).resolve().parents[3] / "library/tests/system"))  # they copy the checkout, too

from bedplate.testing.checkout import ROOT, committed, copy_checkout
from containers import cron_container
from packages import Equivalents, Mutant, Package, Sample, draw, read_equivalents, read_packages
from trial import Outcome, Trial, prepare

HERE: Final = Path(__file__).resolve().parent
GOAL: Final = 0.9
HEADINGS: Final = (
    f"{'package':24}{'mutants':>8}{'tried':>7}{'killed':>8}{'timed out':>11}{'survived':>10}{'equivalent':>12}"
)


@dataclass
class Reading:
    """The results of a package's mutants."""

    sample: Sample
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    equivalent: int = 0

    @property
    def share(self) -> float:
        """The share of the relevant mutants that the tests notice; one that hangs is noticed, by its time limit."""
        tried = self.outcomes.total()
        return 1 - self.outcomes[Outcome.SURVIVED] / tried if tried else 1

    def __str__(self) -> str:
        """Return a line of the table."""
        counts = f"{self.outcomes[Outcome.KILLED]:8}{self.outcomes[Outcome.TIMED_OUT]:11}"
        rest = f"{self.outcomes[Outcome.SURVIVED]:10}{self.equivalent:12}{self.share:8.1%}"
        return f"{self.sample.package.name:24}{self.sample.available:8}{len(self.sample.mutants):7}{counts}{rest}"


def say(text: str) -> None:
    """Print at once: a run takes long."""
    print(text, flush=True)  # noqa: T201 - the reading is the result


@dataclass(frozen=True)
class Killed:
    """Mutants that tests noticed, in a file, so that an interrupted run can continue.

    Survivors are not in it: a test that was written since may notice them.
    """

    file: Path | None = None
    _digests: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Read the file, if there is one."""
        if self.file and self.file.exists():
            self._digests.update(self.file.read_text().split())

    def __contains__(self, mutant: Mutant) -> bool:
        """Return whether exactly this source was noticed."""
        return _digest(mutant) in self._digests

    def add(self, mutant: Mutant) -> None:
        """Add one more."""
        if self.file:
            with self.file.open("a") as file:
                file.write(f"{_digest(mutant)}\n")


def _digest(mutant: Mutant) -> str:
    return hashlib.sha256(f"{mutant.file}\n{mutant.fault.source}".encode()).hexdigest()


def attempt_all(sample: Sample, trial: Trial, *, killed: Killed) -> Reading:
    """Return the results of the sample's mutants; print each, a survivor as a diff."""
    equivalents = read_equivalents(HERE / "equivalents.toml")
    report_obsolete_equivalents(sample.package, trial.checkout, equivalents)
    reading = Reading(sample)
    for number, mutant in enumerate(sample.mutants, start=1):
        if mutant.key in equivalents:
            reading.equivalent += 1
            continue
        start = time.monotonic()
        outcome = Outcome.KILLED if mutant in killed else trial.attempt(mutant)
        reading.outcomes[outcome] += 1
        if outcome is Outcome.KILLED and mutant not in killed:
            killed.add(mutant)
        what = mutant.place if outcome is Outcome.KILLED else mutant
        say(f"{number}/{len(sample.mutants)} {time.monotonic() - start:.0f} s {outcome.value}: {what}")
    return reading


def report_obsolete_equivalents(package: Package, checkout: Path, equivalents: Equivalents) -> None:
    """Name the accepted faults that the package's code no longer has: they need another look."""
    mutants = list(package.mutants(checkout))
    files, keys = {mutant.file for mutant in mutants}, {mutant.key for mutant in mutants}
    for key in equivalents:
        if key[0] in files and key not in keys:
            say(f"no longer in the code, though equivalents.toml has it: {' | '.join(key)}")


def requested_samples(options: argparse.Namespace, checkout: Path) -> list[Sample]:
    """Return the samples of the named packages, or of all."""
    packages = read_packages(HERE / "packages.toml")
    names: list[str] = options.packages or list(packages)
    samples = [draw(packages[name], checkout, number=options.sample, seed=options.seed) for name in names]
    return [_with_place(sample, options.only) for sample in samples] if options.only else samples


def _with_place(sample: Sample, parts: Sequence[str]) -> Sample:
    mutants: list[Mutant] = [mutant for mutant in sample.mutants if any(part in mutant.place for part in parts)]
    return Sample(package=sample.package, available=sample.available, mutants=mutants)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help="of packages.toml (default: all)")
    parser.add_argument("--sample", type=int, default=40, help="mutants of each package, 0 for all (default: 40)")
    parser.add_argument("--seed", type=int, default=1, help="draws others (default: 1)")
    parser.add_argument(
        "--only", action="append", metavar="TEXT", help="of those drawn, the mutants whose FILE:LINE FUNCTION has it"
    )
    parser.add_argument("--near", action="store_true", help="ask only the nearest tests: quick, and a lower limit")
    parser.add_argument(
        "--killed", type=Path, metavar="FILE", help="keep here which were noticed, and do not try those again"
    )
    parser.add_argument("--list", action="store_true", help="print the mutants, try none")
    parser.add_argument("--docker", action="store_true", help="run the tests that need PostgreSQL too, in containers")
    return parser.parse_args(given)


def main() -> int:
    """Print the reading; exit with 1 when it misses the goal."""
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that copy and containers go
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)  # the container runs as another user
        checkout = copy_checkout(folder / "checkout")
        (checkout / ".venv").symlink_to(ROOT / ".venv")
        samples = requested_samples(options, checkout)
        if options.list:
            say("\n".join(str(mutant) for sample in samples for mutant in sample.mutants))
            return 0
        stack.enter_context(committed(checkout))
        container = stack.enter_context(cron_container(checkout)) if options.docker else None
        readings = []
        for sample in samples:
            trial = prepare(sample.package, checkout, container=container, only_near=options.near)
            readings.append(attempt_all(sample, trial, killed=Killed(options.killed)))
    say("\n".join([f"\n{HEADINGS}   share", *map(str, readings)]))
    return 0 if all(reading.share >= GOAL for reading in readings) else 1


if __name__ == "__main__":
    sys.exit(main())
