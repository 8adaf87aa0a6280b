#!/usr/bin/env python3
"""Measures how long pages of a PROD take while a backup is verified or an anonymized export is written.

Run it with the tests' Python: .venv/bin/python template/benchmarks/backup/while_serving.py [--quick] [--rounds N]
"""

import argparse
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "library/tests/system"))  # the tests have the servers

from bedplate.testing.compose import clean_environment
from bedplate.testing.server import Server, running
from report import Number, ratio
from sample import statements
from stack.traffic import Traffic

TARGET: Final = 1.3
ROUNDS: Final = 5
MEGABYTES: Final = 400
QUIET_SECONDS: Final = 20.0
VERIFY, EXPORT = "--verify latest", "--export database"
COMMANDS: Final = {
    VERIFY: ("--verify", "latest"),
    EXPORT: ("--export", "database"),
}

log = logging.getLogger(__name__)


def p95(server: Server, act: Callable[[], None]) -> float:
    """Return the 95th percentile, in milliseconds, of the pages that load clients requested during `act`."""
    traffic = Traffic(server, write_every=0)
    with traffic.running():
        act()
    if traffic.failures:
        raise SystemExit(f"{len(traffic.failures)} requests failed, the first: {traffic.failures[0]}")
    return quantiles(traffic.page_seconds, n=20)[-1] * 1000


def run(server: Server, *arguments: str) -> None:
    """Run ./google_storage.sh; discard its result, and show its messages when it fails."""
    ended = subprocess.run(
        [server.directory / "google_storage.sh", *arguments],
        cwd=server.directory,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise SystemExit(f"./google_storage.sh {' '.join(arguments)} failed:\n{ended.stderr}")


def fill(server: Server, megabytes: int) -> None:
    """Fill the live database to about that size, and back it up. An export keeps the sample's tables."""
    with (server.directory / ".env").open("a") as dotenv:
        dotenv.write("BACKUP_URL=file:///data/backups\n")
    for statement in statements(megabytes):
        server.query(statement)
    rules = "from bedplate.django.anonymization.registry import keep_table\n" + "".join(
        f'keep_table("sample_{table}")\n' for table in ("orders", "messages", "visits", "products")
    )
    rules_file = server.directory / "web/pages/anonymisation.py"
    existing = rules_file.read_text() if rules_file.exists() else '"""Rules for the sample."""\n'
    rules_file.write_text(existing + "\n" + rules)
    server.compose("build", "cron", limit=600)
    server.compose("up", "--detach", "--wait", limit=300)
    run(server, "-b")


def measure(server: Server, *, rounds: int, quiet: float) -> list[Number]:
    """Return, for each command, the ratio of the 95th percentile during it to that of a quiet time, in turns."""
    during: dict[str, list[float]] = {what: [] for what in COMMANDS}
    before: dict[str, list[float]] = {what: [] for what in COMMANDS}
    p95(server, lambda: time.sleep(quiet / 2))  # the first requests are slower
    for number in range(rounds):
        for what, arguments in COMMANDS.items():
            before[what].append(p95(server, lambda: time.sleep(quiet)))
            during[what].append(p95(server, lambda arguments=arguments: run(server, *arguments)))  # type: ignore[misc]
            log.info("round %d: %.1f ms quiet, %.1f ms during %s", number + 1, before[what][-1], during[what][-1], what)
    return [
        Number(
            what=f"p95 of pages during {what} ({median(during[what]):.0f} ms), against {median(before[what]):.0f} ms",
            value=ratio(during[what], before[what]),
            target=TARGET,
        )
        for what in COMMANDS
    ]


def main() -> None:
    """Print the readings."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="little data, one round: does everything work?")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each is measured ({ROUNDS})")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the containers are removed
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    with TemporaryDirectory() as directory, running("prod", Path(directory) / "site") as server:
        fill(server, 20 if options.quick else MEGABYTES)
        numbers = measure(
            server, rounds=1 if options.quick else options.rounds, quiet=5.0 if options.quick else QUIET_SECONDS
        )
    for number in numbers:
        print(number)  # noqa: T201


if __name__ == "__main__":
    main()
