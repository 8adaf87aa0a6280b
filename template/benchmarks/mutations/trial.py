"""Try mutants in a copy of the checkout: the tests of their package run, and each has a time limit."""

import enum
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from packages import Mutant, Package

PYTEST: Final = ("-m", "pytest", "--exitfirst", "-p", "no:cacheprovider")
# A file that changes twice within a second would count as unchanged.
NO_BYTECODE: Final = {"PYTHONDONTWRITEBYTECODE": "1"}
BASELINE_LIMIT: Final = 900
LEAST: Final = 20.0
KILLED_BY_LIMIT: Final = 137


class Outcome(enum.Enum):
    """The tests' verdict on a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"


class UnusableTestsError(Exception):
    """The tests fail without a fault."""


type Execute = Callable[[Sequence[str], float], int | None]
"""Runs pytest with these arguments, within a time limit in seconds: its exit status, or None if it was killed."""


@dataclass(frozen=True, kw_only=True)
class TestRun:
    """One run of pytest."""

    arguments: tuple[str, ...]
    execute: Execute

    def limit(self, *, least: float) -> float:
        """Return its time limit: `least` seconds more than three times the run on sound code, which must pass."""
        start = time.monotonic()
        status = self.execute(self.arguments, BASELINE_LIMIT)
        if status != 0:
            message = f"pytest {' '.join(self.arguments)}: {'too slow' if status is None else f'status {status}'}"
            raise UnusableTestsError(f"The tests must pass before anything is broken: {message}.")
        return least + 3 * (time.monotonic() - start)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A copy of the checkout, and the tests of its package."""

    checkout: Path
    package: Package
    runs: Sequence[TestRun]
    least: float = LEAST
    _limits: dict[tuple[str, ...], float] = field(default_factory=dict)

    def attempt(self, mutant: Mutant) -> Outcome:
        """Return the tests' verdict on the mutant; restore the copy afterwards."""
        path = self.checkout / mutant.file
        for run in [*near(self.package, self.checkout, path.stem), *self.runs]:
            limit = self._limit(run)  # known only when it is needed: most faults are noticed by the first run
            sound = path.read_bytes()
            try:
                path.write_text(mutant.fault.source)
                status = run.execute(run.arguments, limit)
            finally:
                path.write_bytes(sound)
            if status != 0:
                return Outcome.TIMED_OUT if status is None else Outcome.KILLED
        return Outcome.SURVIVED

    def _limit(self, run: TestRun) -> float:
        if run.arguments not in self._limits:
            self._limits[run.arguments] = run.limit(least=self.least)
        return self._limits[run.arguments]


def near(package: Package, checkout: Path, stem: str) -> list[TestRun]:
    """Return the run of the tests that notice most faults of a file soonest, if there are some."""
    directory, tests = checkout / package.directory, shlex.split(package.near.format(stem=stem))
    found = tuple(test for test in tests if (directory / test).exists())
    return [TestRun(arguments=found, execute=in_directory(directory, checkout))] if found else []


def prepare(
    package: Package, checkout: Path, *, container: Execute | None, only_near: bool = False, least: float = LEAST
) -> Trial:
    """Return a trial of the package: with all its tests, or only with those that are near."""
    here = in_directory(checkout / package.directory, checkout)
    asked = _asked(package, here, container, only_near=only_near)
    runs = [TestRun(arguments=tuple(shlex.split(tests)), execute=execute) for tests, execute in asked]
    return Trial(checkout=checkout, package=package, runs=runs, least=least)


def _asked(
    package: Package, here: Execute, container: Execute | None, *, only_near: bool
) -> Iterator[tuple[str, Execute]]:
    """Yield the tests that run after those of a file, the narrowest first."""
    if container and package.container_near:
        yield package.container_near, container
    if only_near:
        return
    yield from ((tests, here) for tests in package.tests)
    if container:
        yield from ((tests, container) for tests in package.container_tests)


def in_directory(directory: Path, checkout: Path) -> Execute:
    """Return a function that runs pytest in a directory of the checkout.

    It uses the checkout's own Python, if there is one: programs that the tests start then find its code, too.
    """
    own = checkout / ".venv/bin/python"
    python = str(own) if own.exists() else sys.executable

    def execute(arguments: Sequence[str], limit: float) -> int | None:
        command = [python, *PYTEST, *arguments]
        return run_for(command, limit, directory=directory)

    return execute


def run_for(command: Sequence[str], limit: float, *, directory: Path) -> int | None:
    """Return the command's exit status, or None if it had to be killed, with all its children."""
    programs = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}  # as run_tests.sh has it
    with subprocess.Popen(
        command,
        cwd=directory,
        env=os.environ | NO_BYTECODE | programs,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end_all(process.pid)


def _end_all(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:  # all have ended
        return
