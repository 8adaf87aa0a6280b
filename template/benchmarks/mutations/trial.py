"""Tries mutants in a copy of the checkout: the tests of their package run, and each has a time limit."""

import enum
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from packages import Mutant, Package

PYTEST: Final = ("-m", "pytest", "--exitfirst", "-p", "no:cacheprovider")
# A file that changes twice within a second would be taken for the same one.
NO_BYTECODE: Final = {"PYTHONDONTWRITEBYTECODE": "1"}
BASELINE_LIMIT: Final = 900
LEAST: Final = 20.0
KILLED_BY_LIMIT: Final = 137


class Outcome(enum.Enum):
    """What the tests made of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"


class UnusableTestsError(Exception):
    """The tests fail without any fault."""


type Execute = Callable[[Sequence[str], float], int | None]
"""Runs pytest with these arguments, within a time limit in seconds: its exit status, or None if it was ended."""


@dataclass(frozen=True, kw_only=True)
class TestRun:
    """One run of pytest, and how long it may take."""

    arguments: Sequence[str]
    execute: Execute
    limit: float = BASELINE_LIMIT

    def measured(self, *, least: float) -> "TestRun":
        """Return the run with a limit, `least` seconds more than sound code takes thrice, which must pass."""
        start = time.monotonic()
        status = self.execute(self.arguments, self.limit)
        if status != 0:
            message = f"pytest {' '.join(self.arguments)}: {'too slow' if status is None else f'status {status}'}"
            raise UnusableTestsError(f"The tests must pass before anything is broken: {message}.")
        return TestRun(arguments=self.arguments, execute=self.execute, limit=least + 3 * (time.monotonic() - start))


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A copy of the checkout in which the tests of a package pass."""

    checkout: Path
    package: Package
    runs: list[TestRun] = field(default_factory=list)

    def attempt(self, mutant: Mutant) -> Outcome:
        """Return what the tests make of the mutant; the copy is as before afterwards."""
        path = self.checkout / mutant.file
        sound = path.read_bytes()
        try:
            path.write_text(mutant.fault.source)
            return self._outcome([*self._near(path.stem), *self.runs])
        finally:
            path.write_bytes(sound)

    def _near(self, stem: str) -> list[TestRun]:
        """Return the run of the file's own tests, where it has some."""
        directory, tests = self.checkout / self.package.directory, self.package.near.format(stem=stem)
        if not tests or not (directory / tests).exists():
            return []
        return [TestRun(arguments=[tests], execute=in_directory(directory), limit=self.runs[0].limit)]

    def _outcome(self, runs: Sequence[TestRun]) -> Outcome:
        for run in runs:
            status = run.execute(run.arguments, run.limit)
            if status is None:
                return Outcome.TIMED_OUT
            if status != 0:
                return Outcome.KILLED
        return Outcome.SURVIVED


def prepare(package: Package, checkout: Path, *, container: Execute | None, least: float = LEAST) -> Trial:
    """Return a trial of the package, its tests having passed."""
    here = in_directory(checkout / package.directory)
    runs = [TestRun(arguments=shlex.split(tests), execute=here) for tests in package.tests]
    if container:
        runs += [TestRun(arguments=shlex.split(tests), execute=container) for tests in package.container_tests]
    return Trial(checkout=checkout, package=package, runs=[run.measured(least=least) for run in runs])


def in_directory(directory: Path) -> Execute:
    """Return what runs pytest in a directory, by the Python that runs this."""

    def execute(arguments: Sequence[str], limit: float) -> int | None:
        command = [sys.executable, *PYTEST, *arguments]
        return run_for(command, limit, directory=directory)

    return execute


def run_for(command: Sequence[str], limit: float, *, directory: Path) -> int | None:
    """Return the command's exit status, or None if it had to be ended, with all that it started."""
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
