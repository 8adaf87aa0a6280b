#!/usr/bin/env python3
"""Measures backups and restores against PostgreSQL's own tools and those of stock templates, in turns.

Run it with the tests' Python: .venv/bin/python template/benchmarks/backup/run.py [--quick] [--rounds N] [--sizes MB,MB]
"""

import argparse
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "library/tests/system"))  # the tests have the stack

from bedplate.testing.compose import run
from contenders import BUCKET, DUMP_AND_COPY, DUMP_AND_GZIP, FOLDER, Candidate, Stock, received, seconds_of
from report import MEGABYTE, Number, ratio, timings
from sample import add_media, fill
from stack.chaos.project import ChaosStack, chaos_stack

if TYPE_CHECKING:
    from stack.chaos.processes import CommandResult

SIZES: Final = (100, 835, 3000)
MAIN_SIZE: Final = 835
ROUNDS: Final = 5

TOOL, COPY, GZIP, DBBACKUP = "-b", "pg_dump -Fd -j2, cp", "pg_dump | gzip", "django-dbbackup -z"
RESTORE, MIGRATED, LOAD, SWAP = "-r, without migrate", "-r", "pg_restore -j2", "the swap itself"
VERIFY, PROVEN, START = "--verify, without migrate", "--verify", "the verifier's start, in --verify"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Readings:
    """Durations of the rounds, in seconds, and sizes of a dump and of the scratch folder, in bytes."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    dumps: list[int] = field(default_factory=list)
    scratch: list[int] = field(default_factory=list)

    def add(self, what: str, seconds: float) -> None:
        """Record one reading."""
        self.seconds.setdefault(what, []).append(seconds)


def measure_times(stack: ChaosStack, *, rounds: int) -> Readings:
    """Return the duration of each contender, in turns, every other round backwards."""
    stock, candidate, readings = Stock(stack), Candidate(stack, FOLDER), Readings()
    obstacle = stock.install_dbbackup()
    if obstacle:
        log.warning("django-dbbackup does not run here:\n%s", obstacle)
    turns: dict[str, Callable[[], CommandResult]] = {
        TOOL: candidate.back_up,
        COPY: lambda: stock.shell(DUMP_AND_COPY),
        GZIP: lambda: stock.shell(DUMP_AND_GZIP),
        **({} if obstacle else {DBBACKUP: stock.dbbackup}),
    }
    candidate.back_up()  # the first read comes from the disk
    for number in range(rounds):
        log.info("round %d of %d", number + 1, rounds)
        for what in list(turns)[:: -1 if number % 2 else 1]:
            ended = turns[what]()
            readings.add(what, ended.seconds)
            if what == TOOL:
                readings.scratch.append(ended.scratch)
        readings.dumps.append(stock.dump_size())
        measure_restores(stock, candidate, readings)
    return readings


def measure_restores(stock: Stock, candidate: Candidate, readings: Readings) -> None:
    """Record the durations of restores."""
    verified = candidate.verify()
    readings.scratch.append(verified.scratch)
    readings.add(PROVEN, verified.seconds)
    readings.add(VERIFY, verified.seconds - seconds_of("Migrate", verified))
    readings.add(START, seconds_of("Start the verifier's server", verified))
    readings.add(LOAD, stock.load().seconds)
    restored = candidate.restore()
    readings.add(MIGRATED, restored.seconds)
    readings.add(RESTORE, restored.seconds - seconds_of("Migrate", restored))
    readings.add(SWAP, seconds_of("Swap", restored))
    candidate.prune()


def numbers_of(readings: Readings) -> Iterator[Number]:
    """Yield the results of the rounds."""
    seconds = readings.seconds
    yield Number(what="back up, against pg_dump -Fd -j2 and cp", value=ratio(seconds[TOOL], seconds[COPY]), target=1.15)
    for stock, target in ((GZIP, 4), (DBBACKUP, 5)):
        if stock in seconds:
            value = ratio(seconds[stock], seconds[TOOL])
            yield Number(what=f"back up, faster than {stock}", value=value, target=target, at_least=True)
    for restore in (VERIFY, RESTORE):
        value = ratio(seconds[restore], seconds[LOAD])
        yield Number(what=f"restore with verification ({restore}), against pg_restore -j2", value=value, target=1.2)
    yield Number(what="the swap itself", value=max(seconds[SWAP]), target=1, unit="s")
    largest = max(readings.scratch) / readings.dumps[-1]
    yield Number(what="scratch disk, against the compressed dump", value=largest, target=1.05)


def measure_memory(stack: ChaosStack) -> dict[str, int]:
    """Return the peak memory of each command's own process, for each store."""
    memory = {}
    for store in (FOLDER, BUCKET):
        candidate = Candidate(stack, store)
        memory[f"-b {store}"] = candidate.back_up().memory
        memory[f"--verify {store}"] = candidate.verify().memory
        candidate.prune()
    return memory


def measure_media(stack: ChaosStack, *, files: int, size: int) -> Number:
    """Return the share of the media sent on the second night, after a hundredth of them had changed."""
    whole, candidate = add_media(stack, files=files, size=size, seed=1), Candidate(stack, BUCKET)
    candidate.back_up()
    add_media(stack, files=files // 100, size=size, seed=2)
    before = received(stack, run)
    candidate.back_up()
    share = (received(stack, run) - before) / whole * 100
    stack.run(["rm", "-r", "/data/uploads"])
    candidate.back_up()
    candidate.prune()  # the next readings are of databases: a thousand names of media take memory, too
    return Number(what=f"of {whole / MEGABYTE:.0f} MB media sent on the second night", value=share, target=2, unit="%")


def measure(sizes: list[int], *, main_size: int, rounds: int, media_files: int) -> Iterator[str]:
    """Yield the report, part by part."""
    numbers: list[Number] = []
    highest: dict[int, int] = {}
    with chaos_stack() as stack:
        stack.wait_until_ready()
        Stock(stack).prepare()
        stack.run_checked(["python", "manage.py", "migrate", "--no-input"])
        numbers.append(measure_media(stack, files=media_files, size=MEGABYTE))
        for megabytes in sizes:
            database = fill(stack, megabytes)
            yield f"A database of {database / MEGABYTE:.0f} MB"
            memory = measure_memory(stack)
            highest[megabytes] = max(memory.values())
            yield "\n".join(f"  {most / MEGABYTE:7.1f} MB {what}" for what, most in memory.items())
            if megabytes == main_size:
                readings = measure_times(stack, rounds=rounds)
                yield f"{timings(readings.seconds)}\n  {readings.dumps[-1] / MEGABYTE:7.1f} MB in pg_dump's files"
                numbers += numbers_of(readings)
    most, least = max(highest.values()), min(highest.values())
    numbers.append(Number(what="Python's memory, the highest of all", value=most / MEGABYTE, target=150, unit="MB"))
    numbers.append(Number(what=f"of it, between {sizes[0]} and {sizes[-1]} MB", value=most / least, target=1.1))
    yield "\n".join(map(str, numbers))


def main() -> None:
    """Print the readings as they come."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="little data, one round: does everything work?")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each is timed ({ROUNDS})")
    parser.add_argument("--sizes", help="databases for the memory, in MB (100,835,3000)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the containers are removed
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    sizes = [int(size) for size in options.sizes.split(",")] if options.sizes else list(SIZES)
    parts = (
        measure([10, 30], main_size=30, rounds=1, media_files=100)
        if options.quick
        else measure(sorted({*sizes, MAIN_SIZE}), main_size=MAIN_SIZE, rounds=options.rounds, media_files=2048)
    )
    for part in parts:
        print(part, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
