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
sys.path.append(str(Path(__file__).resolve().parents[3] / "library/tests/system"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "backup"))

from base_project import BaseProject, MadeProject, clone, share_environment
from bedplate.host.project_template.rendering import Renderer
from bedplate.testing.checkout import ROOT
from report import Number
from terminal import ENTER, at_terminal

ROUNDS: Final = 3
GIVEN: Final = ("--slug=shop", "--domain=shop.example", "--admin-email=you@shop.example", "--time-zone=UTC")


def seconds(action: Callable[[], object]) -> float:
    """Return its duration."""
    start = time.monotonic()
    action()
    return time.monotonic() - start


def make(base: BaseProject, folder: Path) -> float:
    """Return the duration of a new project after the answer to its last question, at a terminal."""
    with at_terminal(base.folder / "bedplate", "new", folder, "--name=Shop", *GIVEN, folder=folder.parent) as terminal:
        terminal.expect("(Y/n)")
        terminal.type("y")
        terminal.expect("License of its code")
        terminal.type(ENTER)
        time_taken = seconds(terminal.wait)
    share_environment(ROOT / ".venv-template", folder)
    return time_taken


def update(base: BaseProject, project: MadeProject) -> float:
    """Return the duration of an update of an unchanged project, with its own code, to a commit made now."""
    with (base.folder / "web/templates/footer.html").open("a") as footer:
        footer.write("<!-- newer -->\n")
    base.commit("Another footer")
    return seconds(lambda: project.update("--yes").check_returncode())


def test_fast(project: MadeProject) -> float:
    """Return the duration of `./run_tests.sh fast`, with warm caches."""
    project.test_fast().check_returncode()
    return seconds(lambda: project.run("./run_tests.sh", "fast").check_returncode())


def say(what: str, readings: list[float], target: float) -> None:
    """Print the reading, and whether it meets the target."""
    print(Number(what=what, value=median(readings), target=target, unit="s"), flush=True)  # noqa: T201


def main() -> None:
    """Print the readings as they come."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each is timed ({ROUNDS})")
    rounds = range(parser.parse_args().rounds)
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        Renderer(ROOT / ".venv-template").prepare()  # the projects share it
        base = clone(folder / "base project")
        say("a new project, after the last answer", [make(base, folder / f"shop-{number}") for number in rounds], 2)
        updates = [update(base, MadeProject(folder / f"shop-{number}")) for number in rounds]
        say("an update of an unchanged project", updates, 5)
        say("./run_tests.sh fast in a new project", [test_fast(MadeProject(folder / "shop-0"))], 45)


if __name__ == "__main__":
    main()
