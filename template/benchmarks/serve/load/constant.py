"""Sends requests at a constant rate until its input ends: `python constant.py URL SLOW_AT_A_TIME`.

Prints the results of each kind of request, as JSON. A latency counts from when the request was due.
"""

import http.client
import json
import select
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Final

LONGEST: Final = 120.0  # seconds, if the input does not end
TIMEOUT: Final = 10.0


@dataclass(frozen=True)
class Kind:
    """Requests that some senders make, each at an interval in seconds."""

    name: str
    method: str
    path: str
    senders: int
    interval: float


@dataclass(frozen=True)
class Outcome:
    """The result of a request: when it was due and when it ended, and `200` or why it failed."""

    due: float
    ended: float
    result: str


def kinds(slow: int) -> list[Kind]:
    """Return the load: 80 pages and 20 posts per second, and this number of slow pages at any time."""
    return [
        Kind("page", "GET", "/benchmark/page/", senders=16, interval=0.2),
        Kind("post", "POST", "/benchmark/post/", senders=4, interval=0.2),
        Kind("slow", "GET", "/benchmark/slow/", senders=slow, interval=1.0),
    ]


def send(connection: http.client.HTTPConnection, kind: Kind) -> str:
    """Return the status of one request, or the name of the error instead of an answer."""
    body = b"x" * 100 if kind.method == "POST" else None
    try:
        connection.request(kind.method, kind.path, body, headers={"Host": "localhost"})
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()  # the next request opens it again
        return type(error).__name__
    return str(response.status)


def keep_sending(address: str, kind: Kind, outcomes: list[Outcome], *, start: float, stop: threading.Event) -> None:
    """Add the outcomes of one sender's requests until `stop` is set."""
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT)
    for number in count():
        due = start + number * kind.interval
        if stop.wait(max(0.0, due - time.monotonic())):
            break
        result = send(connection, kind)
        outcomes.append(Outcome(due, time.monotonic(), result))
    connection.close()


def describe(outcomes: list[Outcome]) -> dict[str, object]:
    """Return counts, failures by reason, the 99th percentile in milliseconds, the longest time without success."""
    latencies = sorted(outcome.ended - outcome.due for outcome in outcomes)
    answered = sorted(outcome.ended for outcome in outcomes if outcome.result == "200")
    return {
        "requests": len(outcomes),
        "failures": Counter(outcome.result for outcome in outcomes if outcome.result != "200"),
        "p99": latencies[int(len(latencies) * 0.99)] * 1e3,
        "silence": max((end - start for start, end in pairwise(answered)), default=0.0),
    }


def main() -> None:
    """Send until the input ends, then report."""
    address, slow = sys.argv[1], int(sys.argv[2])
    stop = threading.Event()
    outcomes: dict[str, list[Outcome]] = {}
    senders = []
    for kind in kinds(slow):
        outcomes[kind.name] = []
        for number in range(kind.senders):
            start = time.monotonic() + kind.interval * number / kind.senders
            arguments = (address, kind, outcomes[kind.name])
            senders.append(threading.Thread(target=keep_sending, args=arguments, kwargs={"start": start, "stop": stop}))
    for sender in senders:
        sender.start()
    select.select([sys.stdin], [], [], LONGEST)
    stop.set()
    for sender in senders:
        sender.join()
    sys.stdout.write(json.dumps({name: describe(taken) for name, taken in outcomes.items()}) + "\n")


if __name__ == "__main__":
    main()
