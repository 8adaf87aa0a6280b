"""Does a server's memory grow while it serves pages and runs tasks? The long run: template/benchmarks/soak."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from bedplate.testing.server import Server

from stack.fault_injection import have_all_ended, tasks_for_tests, write_all
from stack.memory import GIB, MIB, Memory, memory_of
from stack.traffic import Traffic

GROWTH: Final = 0.05  # at most
WARM_UP: Final = 0.1  # of the load
INTERVAL: Final = 5.0  # seconds between two readings
BARS: Final = "▁▂▃▄▅▆▇█"
WIDTH: Final = 40


type Reading = dict[str, Memory]


@dataclass(frozen=True, kw_only=True)
class Soaked:
    """Memory at rest, warm, and then every few seconds until the end; and the work done meanwhile."""

    at_rest: Reading
    warm: Reading
    readings: list[Reading]
    requests: int
    failures: list[str]
    tasks: int

    @property
    def growth(self) -> float:
        """Growth of the memory of all containers' processes, from warm to the end."""
        return growth(total(self.warm), total(self.readings[-1]))

    def __str__(self) -> str:
        at_rest = sum(memory.working_set for memory in self.at_rest.values())
        verdict = "reached" if self.growth <= GROWTH else "MISSED"
        return "\n".join(
            [
                f"{self.requests} requests, {len(self.failures)} of them failed; {self.tasks} tasks",
                f"All containers at rest, before: {at_rest / GIB:.2f} GiB (promised: at most 1.2)",
                f"{'MiB of processes':18}{'at rest':>8}{'warm':>8}{'end':>8}{'growth':>8}",
                *(self._line(name, partial(anonymous, name)) for name in sorted(self.warm)),
                self._line("all", total),
                f"{verdict}: {self.growth:.1%} of growth (promised: at most {GROWTH:.0%})",
            ]
        )

    def _line(self, name: str, size: Callable[[Reading], int]) -> str:
        warm, end = size(self.warm), size(self.readings[-1])
        numbers = "".join(f"{value / MIB:8.1f}" for value in (size(self.at_rest), warm, end))
        return f"{name:18}{numbers}{growth(warm, end):8.1%}  {sparkline([size(reading) for reading in self.readings])}"


def anonymous(name: str, reading: Reading) -> int:
    """Return the memory of one container's processes."""
    return reading[name].anonymous


def total(reading: Reading) -> int:
    """Return the memory of all containers' processes."""
    return sum(memory.anonymous for memory in reading.values())


def growth(before: int, after: int) -> float:
    """Return the growth as a fraction."""
    return after / before - 1


def sparkline(values: list[int]) -> str:
    """Return the values as bars, from zero to the highest; of many values, a selection."""
    shown = values[:: -(-len(values) // WIDTH)]
    return "".join(BARS[value * (len(BARS) - 1) // max(values)] for value in shown)


def soak(server: Server, *, requests: int, tasks: int) -> Soaked:
    """Return the server's memory while it serves this number of requests and runs this number of tasks."""
    with tasks_for_tests(server) as options:
        at_rest = memory_of(server)
        warming, _warm_up = load(server, options, requests=int(requests * WARM_UP), tasks=int(tasks * WARM_UP))
        readings, traffic = load(server, options, requests=requests, tasks=tasks)
        return Soaked(
            at_rest=at_rest,
            warm=warming[-1],
            readings=readings,
            requests=traffic.requests,
            failures=traffic.failures,
            tasks=int(server.query("SELECT count(*) FROM written")) - int(tasks * WARM_UP),
        )


def load(server: Server, options: tuple[str, ...], *, requests: int, tasks: int) -> tuple[list[Reading], Traffic]:
    """Return the readings during the load, and after it."""
    readings = []
    traffic = Traffic(server, pause=0, write_every=0)
    with ThreadPoolExecutor() as pool, traffic.running():
        started = pool.submit(write_all, server, options, tasks)
        while not (started.done() and traffic.requests >= requests and have_all_ended(server)):
            readings.append(memory_of(server))
            time.sleep(INTERVAL)
        started.result()
    return [*readings, memory_of(server)], traffic
