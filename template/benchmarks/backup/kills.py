#!/usr/bin/env python3
"""Kills backups and restores at random moments, and shows the results: nothing may be lost or left behind.

.venv/bin/python template/benchmarks/backup/kills.py [--kills 200] [--seed N]
"""

import argparse
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "library/tests/system"))  # the tests have the stack

from stack.chaos.kills import COMMANDS, VICTIMS, Experiment, Kill, Outcome, ViolationError, plan
from stack.chaos.project import chaos_stack

WIDTH: Final = 18


def carry_out(kills: int, seed: int) -> Iterator[Outcome]:
    """Yield the results of the kills that were in time. Raise ViolationError, with the kill, if one did harm."""
    with chaos_stack() as stack:
        experiment = Experiment(stack)
        hits = 0
        for kill in plan(seed):
            outcome = with_its_kill(experiment, kill, seed)
            hits += outcome.hit
            yield outcome
            if hits == kills:
                break
        experiment.finish()


def with_its_kill(experiment: Experiment, kill: Kill, seed: int) -> Outcome:
    """Return the result of a kill. Raise ViolationError with all that is needed to repeat it."""
    try:
        return experiment.run(kill)
    except AssertionError as error:
        raise ViolationError(f"seed {seed}, {kill}, undisturbed {experiment.seconds}:\n{error}") from error


def show(outcome: Outcome) -> None:
    """Print a line about a kill."""
    kill = outcome.kill
    when = f"{outcome.moment:5.2f} s of {kill.command} ({kill.store})"
    print(f"{kill.number:4}  {kill.victim:{WIDTH}} {when:42} {result(outcome)}", flush=True)  # noqa: T201


def result(outcome: Outcome) -> str:
    """Return the result of a kill, in words."""
    if not outcome.hit:
        return "too late"
    if outcome.took_effect:
        return "swapped"
    return "done nevertheless" if outcome.status == 0 else "ended"


def table(outcomes: list[Outcome]) -> str:
    """Return a table of the kills by command and victim, with their results."""
    counts = Counter((outcome.kill.command, outcome.kill.victim) for outcome in outcomes if outcome.hit)
    results = Counter((outcome.kill.command, result(outcome)) for outcome in outcomes)
    ends = ("ended", "swapped", "done nevertheless", "too late")
    lines = ["".join(f"{heading:>{WIDTH}}" for heading in ("", *VICTIMS, *ends))]
    for command in COMMANDS:
        cells = [counts[command, victim] for victim in VICTIMS] + [results[command, end] for end in ends]
        lines.append(f"{command:{WIDTH}}" + "".join(f"{cell:{WIDTH}}" for cell in cells))
    return "\n".join(lines)


def main() -> int:
    """Print the kills and their results. Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=200, help="how many, not counting those that came too late (200)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="seed of all random choices")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the containers are removed
    outcomes: list[Outcome] = []
    started = time.monotonic()
    try:
        for outcome in carry_out(options.kills, options.seed):
            outcomes.append(outcome)
            show(outcome)
    except ViolationError as error:
        print(f"{table(outcomes)}\nVIOLATION: {error}")  # noqa: T201
        return 1
    print(f"{table(outcomes)}\nNothing lost, nothing left: seed {options.seed}, {time.monotonic() - started:.0f} s.")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
