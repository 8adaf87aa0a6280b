#!/usr/bin/env python3
"""Measures how long a team waits for a new project, for its update, and for the new project's fast tests.

Run it with the tests' Python: .venv/bin/python template/benchmarks/projects/run.py [--rounds N]
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))  # the tests make projects, too
sys.path.append(str(Path(__file__).resolve().parents[3] / "tests"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "backup"))

from base_project import BaseProject, MadeProject, clone
from report import Number
from terminal import ENTER, at_terminal
from test_old_projects import OLD

ROUNDS: Final = 3
GIVEN: Final = ("--slug=shop", "--domain=shop.example", "--admin-email=you@shop.example", "--time-zone=UTC")


def seconds(action: Callable[[], object]) -> float:
    """Return how long it takes."""
    start = time.monotonic()
    action()
    return time.monotonic() - start


def make(base: BaseProject, folder: Path) -> float:
    """Return how long a new project takes once its last question has been answered, at a terminal."""
    with at_terminal(base.folder / "new_project.sh", folder, "--name=Shop", *GIVEN, folder=folder.parent) as terminal:
        terminal.expect("(Y/n)")
        terminal.type(ENTER)
        return seconds(terminal.wait)


def update(base: BaseProject, folder: Path) -> float:
    """Return how long an update takes of a project that nobody has changed."""
    project = base.make_as_of(OLD["before uploads"], folder)  # an update of some 250 files
    return seconds(lambda: project.run("./update_project.sh", "--yes").check_returncode())


def test_fast(project: MadeProject) -> float:
    """Return how long `./run_tests.sh fast` takes, its caches being warm."""
    project.test_fast().check_returncode()
    return seconds(lambda: project.run("./run_tests.sh", "fast").check_returncode())


def say(what: str, readings: list[float], target: float) -> None:
    """Print what was read, and whether that is what is promised."""
    print(Number(what=what, value=median(readings), target=target, unit="s"), flush=True)  # noqa: T201


def main() -> None:
    """Print the readings as they come."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each is timed ({ROUNDS})")
    rounds = range(parser.parse_args().rounds)
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        base = clone(folder / "base project")
        say("a new project, after the last answer", [make(base, folder / f"shop-{number}") for number in rounds], 2)
        for number in rounds:
            (folder / f"update-{number}").mkdir()
        updates = [update(base, folder / f"update-{number}") for number in rounds]
        say("an update of a project that nobody has changed", updates, 10)
        say("./run_tests.sh fast in a new project", [test_fast(MadeProject(folder / "shop-0"))], 60)


if __name__ == "__main__":
    main()
