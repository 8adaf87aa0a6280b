#!/usr/bin/env python3
"""Measures whether PROD's memory grows while it serves pages and runs tasks.

Run it with the tests' Python: .venv/bin/python template/benchmarks/soak/run.py [--requests N] [--tasks N]
"""

import argparse
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "library/tests/system"))  # the tests have the servers

from bedplate.testing.server import running
from stack.soak import GROWTH, soak

REQUESTS: Final = 50_000
TASKS: Final = 10_000


def main() -> None:
    """Print the table; exit with 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=REQUESTS, help=f"how many pages are asked for ({REQUESTS})")
    parser.add_argument("--tasks", type=int, default=TASKS, help=f"how many tasks are run ({TASKS})")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the containers are removed
    with TemporaryDirectory() as directory, running("prod", Path(directory) / "site") as server:
        soaked = soak(server, requests=options.requests, tasks=options.tasks)
    print(soaked)  # noqa: T201
    sys.exit(soaked.growth > GROWTH)


if __name__ == "__main__":
    main()
