"""A call in a thread of its own, whose result concurrent requests share."""

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from threading import Lock


class SharedCall[Result]:
    """Runs a function in its own thread, one call at a time: concurrent requests share the result.

    So a call that hangs (a name that does not resolve, a server that accepts and does not answer) holds one thread,
    not one for each request, and many requests cost no more than one.
    """

    def __init__(self, name: str, function: Callable[[], Result]) -> None:
        self.executor: Executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._function = function
        self._lock = Lock()
        self._running: Future[Result] | None = None

    def start(self) -> Future[Result]:
        """Start the call unless it is running. Return a future with its result."""
        with self._lock:
            if self._running is None or self._running.done():
                self._running = self.executor.submit(self._function)
            return self._running
