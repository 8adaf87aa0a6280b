"""Progress of long work: bars on a terminal, plain lines elsewhere. Everything goes to standard error."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

LINE_SECONDS: Final = 10.0


class Step(ABC):
    """One long piece of work. Any thread may report progress."""

    @abstractmethod
    def expect(self, total: float) -> None:
        """Set the total amount of work."""

    @abstractmethod
    def advance(self, amount: float = 1) -> None:
        """Add to the amount of work that is done."""


class Progress(ABC):
    """The display of progress."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, text: str) -> None:
        """Show a line."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    @abstractmethod
    def step(self, what: str) -> AbstractContextManager[Step]:
        """Show a piece of work from its beginning to its end."""


def open_progress() -> Progress:
    """Return the display that suits standard error."""
    console = Console(stderr=True)
    return BarProgress(console) if console.is_terminal else LineProgress(console)


class BarProgress(Progress):
    """A bar for each step."""

    @contextmanager
    def step(self, what: str) -> Iterator[Step]:
        """Show a bar that stays when the step is done."""
        columns = (TextColumn("{task.description:<34}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Bars(*columns, console=self.console) as bars:
            bar = bars.add_task(what, total=None)
            yield _BarStep(bars, bar)
            total = bars.tasks[bar].total or 1
            bars.update(bar, total=total, completed=total)


class _BarStep(Step):
    def __init__(self, bars: Bars, bar: TaskID) -> None:
        self._bars, self._bar = bars, bar

    def expect(self, total: float) -> None:
        self._bars.update(self._bar, total=total)

    def advance(self, amount: float = 1) -> None:
        self._bars.advance(self._bar, amount)


class LineProgress(Progress):
    """A line when a step begins and when it ends; in between, one every ten seconds."""

    @contextmanager
    def step(self, what: str) -> Iterator[Step]:
        """Show the step in lines."""
        started = time.monotonic()
        self.say(f"{what} …")
        yield _LineStep(lambda share: self.say(f"{what}: {share:.0%}"))
        self.say(f"{what}: done in {time.monotonic() - started:.1f} s")


class _LineStep(Step):
    def __init__(self, show: Callable[[float], None]) -> None:
        self._show = show
        self._lock = Lock()
        self._total = self._done = 0.0
        self._shown = time.monotonic()

    def expect(self, total: float) -> None:
        self._total = total

    def advance(self, amount: float = 1) -> None:
        with self._lock:
            self._done += amount
            now = time.monotonic()
            if self._total and now - self._shown >= LINE_SECONDS:
                self._shown = now
                self._show(min(1.0, self._done / self._total))
