"""Where a person's answer arrives: on a port that their browser is sent to, or typed into the terminal."""

import errno
import html
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import Any, Final

from bedplate.backup.consent import Consent, WrongAddressError
from bedplate.backup.errors import BackupError, WrongUseError

PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<link rel="icon" href="data:,">
<style>
  :root {{ color-scheme: light dark; font: 1.1rem/1.6 system-ui, sans-serif }}
  body {{ display: grid; place-content: center; min-height: 90vh; margin: 1rem; text-align: center }}
  p {{ max-width: 32rem; margin: 0 auto }}
</style>
<main><h1>{title}</h1><p>{text}</p></main></html>
"""

type Answer = str | BackupError
"""The code, or why there is none."""
type Answers = SimpleQueue[Answer]


@dataclass(frozen=True, kw_only=True)
class Ways:
    """The ways that an answer may come."""

    host: str
    port: int
    typed: int | None
    """The descriptor of what the person types, or pastes."""
    time_limit: float
    """In seconds."""


def wait_for_code(consent: Consent, ways: Ways, *, say: Callable[[str], object]) -> str:
    """Return the code of the first right answer, whichever way it comes. Wrong ones before it are told of.

    Raise BackupError if the answer is no, or none comes in time.
    """
    answers: Answers = SimpleQueue()
    with _listening(consent, answers, ways):
        say(f"Open this link in a browser, and give your consent:\n\n{consent.url}\n")
        if ways.typed is not None:
            say("If that browser is on another machine, it ends at a page that does not load: paste its address here.")
            threading.Thread(target=_read, args=(consent, answers, ways.typed, say), daemon=True).start()
        try:
            answer = answers.get(timeout=ways.time_limit)
        except Empty:
            minutes = f"{ways.time_limit / 60:g} minutes"
            raise BackupError(f"No answer came within {minutes}. Run ./google_storage.sh -a again.") from None
    if isinstance(answer, BackupError):
        raise answer
    return answer


@contextmanager
def _listening(consent: Consent, answers: Answers, ways: Ways) -> Iterator[None]:
    class Handler(_Handler):
        def answer(self, address: str) -> Answer:
            return _understand(consent, address)

        def pass_on(self, answer: Answer) -> None:
            answers.put(answer)

    try:
        server = ThreadingHTTPServer((ways.host, ways.port), Handler)
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        raise WrongUseError(
            f"Port {ways.port} cannot be used ({error.strerror}). Choose another: --port PORT."
        ) from None
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _understand(consent: Consent, address: str) -> Answer:
    """Return the code, or why there is none. Raise WrongAddressError if the address is no answer."""
    try:
        return consent.code_in(address)
    except WrongAddressError:
        raise
    except BackupError as error:
        return error


def _read(consent: Consent, answers: Answers, descriptor: int, say: Callable[[str], object]) -> None:
    for line in filter(None, _lines(descriptor)):
        try:
            answers.put(_understand(consent, line))
        except WrongAddressError as error:
            say(f"{error} Paste the whole address, or press Ctrl-C to give up.")


def _lines(descriptor: int) -> Iterator[str]:
    # Not sys.stdin: a thread that waits in it would not let Python end.
    rest = b""
    try:
        while piece := os.read(descriptor, 4096):
            *lines, rest = (rest + piece).split(b"\n")
            yield from (line.decode(errors="replace").strip() for line in lines)
    except OSError:  # no terminal any more
        return
    yield rest.decode(errors="replace").strip()


class _Handler(BaseHTTPRequestHandler, ABC):
    timeout = 10

    @abstractmethod
    def answer(self, address: str) -> Answer:
        """Return what the address that the browser was sent to says."""

    @abstractmethod
    def pass_on(self, answer: Answer) -> None:
        """Give the answer to who waits for it."""

    def do_GET(self) -> None:
        """Thank for the answer, and only then pass it on: the program may end at once."""
        if self.path.partition("?")[0] != "/":
            self._send(HTTPStatus.NOT_FOUND, "Nothing is here", "The link is in the terminal.")
            return
        try:
            answer = self.answer(self.path)
        except WrongAddressError as error:
            self._send(HTTPStatus.BAD_REQUEST, "This is not the answer", str(error))
            return
        try:
            if isinstance(answer, BackupError):
                self._send(HTTPStatus.OK, "No access", str(answer))
            else:
                self._send(HTTPStatus.OK, "Thank you", "The terminal says whether it worked. You can close this page.")
        finally:
            self.pass_on(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name for it
        """Keep the code out of the terminal."""

    def _send(self, status: HTTPStatus, title: str, text: str) -> None:
        page = PAGE.format(title=html.escape(title), text=html.escape(text)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(page)
