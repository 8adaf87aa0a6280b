#!/usr/bin/env python3
"""Counts the requests that fail while workers are killed or replaced, and containers restarted or replaced."""

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from command_line import make_parser, run
from servers import SHIPPED, Server, candidates
from stack import Stack, last_json, running

KINDS: Final = ("page", "post", "slow")  # as in load/constant.py
HEADINGS: Final = f"{'pages lost':>12}{'posts':>12}{'slow pages':>12}{'p99 ms':>10}{'silence s':>11}"
BEFORE: Final = 3.0  # seconds of load before an event
SETTLING: Final = 6.0  # seconds until nginx relies on a new container: more than its `resolver` and `fail_timeout`

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """An event under load, and the number of seconds that the load continues."""

    title: str
    act: Callable[[Stack, Server], None]
    after: float = 5.0
    slow_pages: int = 1


def do_nothing(_stack: Stack, _server: Server) -> None:
    """Do nothing."""


def kill_worker(stack: Stack, server: Server) -> None:
    """Kill one worker with SIGKILL."""
    stack.compose("exec", "-T", server.web, "python", "-m", "one_query_page.kill_worker")


def replace_workers(stack: Stack, server: Server) -> None:
    """Tell the server to replace its workers gracefully."""
    stack.compose("kill", "--signal", "HUP", server.web)


def restart_container(stack: Stack, server: Server) -> None:
    """Stop the container, start it again, and wait until it is healthy."""
    stack.compose("restart", server.web)
    stack.compose("up", "--detach", "--wait", "--no-build", server.web)


def replace_container(stack: Stack, server: Server) -> None:
    """Start a second container; when it is healthy and nginx knows it, stop the first."""
    first = stack.compose("ps", "--quiet", server.web).strip()
    stack.compose("up", "--detach", "--wait", "--no-build", "--no-recreate", "--scale", f"{server.web}=2", server.web)
    time.sleep(SETTLING)
    stack.docker("stop", first)


EVENTS: Final = (
    Event("nothing happens", do_nothing),
    Event("nothing happens, 4 slow pages at a time", do_nothing, slow_pages=4),
    Event("a worker is killed", kill_worker),
    Event("workers are replaced (HUP)", replace_workers, after=12.0),
    Event("the container is restarted", restart_container),
    Event("another container takes over", replace_container),
)


def observe(stack: Stack, server: Server, event: Event) -> dict[str, Any]:
    """Return the results of each kind of request during the event."""
    command = ["python", "/load/constant.py", f"{server.nginx}:8080", str(event.slow_pages)]
    load = stack.start("compose", "exec", "-T", "load", *command)
    time.sleep(BEFORE)
    event.act(stack, server)
    time.sleep(event.after)
    fared: dict[str, Any] = last_json(stack.finish(load))
    return fared


def renew(stack: Stack, server: Server) -> None:
    """Give the server one new container, whatever it has."""
    scale = f"{server.web}=1"
    stack.compose("up", "--detach", "--wait", "--no-build", "--force-recreate", "--scale", scale, server.web)
    time.sleep(SETTLING)


def observe_all(stack: Stack, server: Server) -> dict[str, Any]:
    """Return the results of each event on the server."""
    observed = {}
    for event in EVENTS:
        log.info("%s: %s", server.title, event.title)
        observed[event.title] = observe(stack, server, event)
        renew(stack, server)
    return observed


def as_text(observed: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a table for each server."""
    lines = []
    for title, events in observed.items():
        lines += ["", title, HEADINGS, *(table_row(event, fared) for event, fared in events.items())]
    return "\n".join(lines)


def table_row(event: str, fared: Mapping[str, Any]) -> str:
    """Return the number of failed requests of each kind, and the results of pages meanwhile."""
    counts = [f"{sum(fared[kind]['failures'].values())} of {fared[kind]['requests']}" for kind in KINDS]
    reasons = sorted({reason for kind in KINDS for reason in fared[kind]["failures"]})
    cells = "".join(f"{count:>12}" for count in counts)
    page = fared["page"]
    return f"{cells}{page['p99']:10.0f}{page['silence']:11.1f}  {' '.join([event, *reasons])}"


def report(options: argparse.Namespace) -> str:
    """Return the observations, in the requested format."""
    others = candidates(options.server)
    with running(others) as stack:
        observed = {server.title: observe_all(stack, server) for server in (SHIPPED, *others)}
    return json.dumps(observed, indent=2) if options.json else as_text(observed)


if __name__ == "__main__":
    sys.exit(run(make_parser("replacement.py", __doc__), report))
