#!/usr/bin/env python3
"""Measures the pages per second that the stack serves: against a stock server, and against the machine's limit."""

import argparse
import logging
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from command_line import make_parser, run
from readings import Reading, from_wrk
from report import Results, Subject, as_json, as_text
from servers import BASELINE, DOMAIN, SHIPPED, Server, candidates
from stack import BenchmarkError, Stack, last_json, running

CONNECTIONS: Final = 16
PAGE: Final = "/benchmark/page/"
SLOW_EVERY: Final = 10  # in the mix, one page in this number waits for the database
SLOW_PAGE: Final = "/benchmark/slow/?seconds=0.2"
ROWS: Final = 20

log = logging.getLogger(__name__)


def measure(stack: Stack, extra: Sequence[Server], *, rounds: int, seconds: int) -> Results:
    """Return the readings of all, taken in turn; every other round goes backwards."""
    servers = [SHIPPED, BASELINE, *extra]
    style_sheet, *_ = [check_page(stack, server) for server in servers]
    url = {server.title: f"http://{server.nginx}:8080{PAGE}" for server in servers}
    turns: dict[str, Callable[[], Reading]] = {
        title: partial(ask, stack, page, seconds=seconds) for title, page in url.items()
    }
    for title, page in url.items():
        turns[f"{title}; every {SLOW_EVERY}th page waits 0.2 s"] = partial(
            ask, stack, page, seconds=seconds, mixed=True
        )
    turns["in-process, one thread"] = partial(in_process, stack, seconds=seconds)
    turns["a style sheet, over HTTPS"] = partial(ask, stack, f"https://{DOMAIN}:8443{style_sheet}", seconds=seconds)
    readings: dict[str, list[Reading]] = {title: [] for title in turns}
    for number in range(rounds):
        log.info("round %d of %d", number + 1, rounds)
        for title in list(turns)[:: -1 if number % 2 else 1]:
            readings[title].append(turns[title]())
    subjects = [Subject(title, taken) for title, taken in readings.items()]
    shipped, baseline, *others = subjects[: len(servers)]
    *mixes, ceiling, static = subjects[len(servers) :]
    return Results(stack.cores(), [shipped, *others], baseline, mixes, ceiling, static)


def check_page(stack: Stack, server: Server) -> str:
    """Return the path of the page's style sheet. Raise BenchmarkError if it is not the page to measure."""
    answer = last_json(stack.run("load", "python", "/load/fetch.py", f"http://{server.nginx}:8080{PAGE}"))
    style_sheet = re.search(r"/static/css/site\.[0-9a-f]{12}\.css", answer["body"])
    if answer["body"].count("<tr>") != ROWS + 1 or not style_sheet:
        raise BenchmarkError(f"{server.title}: not the page with {ROWS} rows, but {answer}")
    return style_sheet.group()


def ask(stack: Stack, url: str, *, seconds: int, mixed: bool = False) -> Reading:
    """Return wrk's reading, after a second of warm-up; `mixed`, with slow pages among the others."""
    containers = stack.containers()
    stack.run("load", *wrk_command(url, seconds=1, mixed=mixed))
    before = stack.cpu_seconds(containers)
    summary = last_json(stack.run("load", *wrk_command(url, seconds=seconds, mixed=mixed)))
    return from_wrk(summary, cpu=stack.cpu_seconds(containers) - before)


def wrk_command(url: str, *, seconds: int, mixed: bool = False) -> list[str]:
    """Return the command that keeps the connections busy, with requests as a browser sends them."""
    return [
        "wrk",
        "--threads=1",
        f"--connections={CONNECTIONS}",
        f"--duration={seconds}s",
        "--timeout=5s",
        *([] if url.startswith("https:") else ["--header=Host: localhost"]),
        "--header=Accept-Encoding: gzip, br",
        "--script=/load/report.lua",
        url,
        *(["--", str(SLOW_EVERY), SLOW_PAGE] if mixed else []),
    ]


def in_process(stack: Stack, *, seconds: int) -> Reading:
    """Return the application's own reading: one thread, no server, no nginx."""
    output = stack.run(SHIPPED.web, "python", "-m", "one_query_page.ceiling", f"{seconds}")
    return Reading(**last_json(output))


def report(options: argparse.Namespace) -> str:
    """Return the readings, in the requested format."""
    extra = candidates(options.server)
    rounds, seconds = (1, 1) if options.quick else (options.rounds, 2)  # many short ones: machines are not even
    with running([BASELINE, *extra]) as stack:
        results = measure(stack, extra, rounds=rounds, seconds=seconds)
    return as_json(results) if options.json else as_text(results)


if __name__ == "__main__":
    parser = make_parser("throughput.py", __doc__)
    parser.add_argument("--rounds", type=int, default=12, metavar="N", help="how often each is measured (default: 12)")
    parser.add_argument("--quick", action="store_true", help="one short round: does everything work?")
    sys.exit(run(parser, report))
