"""A person who runs `./google_storage.sh -a`, with a terminal and a browser."""

import os
import re
import socket
import threading
from dataclasses import dataclass
from queue import Queue
from typing import Final
from urllib.parse import urlsplit

import requests
from bedplate.backup.configuration import Configuration
from bedplate.backup.verbs.authenticate import Person, authenticate

LIMIT: Final = 30


@dataclass
class Attempt:
    """A call of authenticate() in a thread of its own."""

    thread: threading.Thread
    errors: list[BaseException]

    def finish(self) -> None:
        """Return once it has ended; raise what it has raised."""
        self.thread.join(LIMIT)
        assert not self.thread.is_alive(), "still waiting"
        if self.errors:
            raise self.errors[0]


class FakePerson:
    """Somebody who reads what is said, and types."""

    def __init__(self) -> None:
        """Sit down at a terminal."""
        self.port = _free_port()
        self.heard: list[str] = []
        self._said: Queue[str] = Queue()
        self._reading, self._writing = os.pipe()
        self._attempts: list[Attempt] = []

    def authenticate(
        self,
        configuration: Configuration,
        *,
        terminal: bool = True,
        typed: int | None = None,
        time_limit: float = LIMIT,
    ) -> Attempt:
        """Begin `-a` without a key file."""
        descriptor = typed if typed is not None else self._reading if terminal else None
        asked = Person(say=self._said.put, typed=descriptor, time_limit=time_limit)
        errors: list[BaseException] = []

        def run() -> None:
            try:
                authenticate(configuration, key_file=None, port=self.port, person=asked)
            except BaseException as error:
                errors.append(error)

        attempt = Attempt(threading.Thread(target=run, daemon=True), errors)
        attempt.thread.start()
        self._attempts.append(attempt)
        return attempt

    def hear(self, pattern: str) -> str:
        """Return what the pattern matches in what is said, once it is."""
        while True:
            text = self._said.get(timeout=LIMIT)
            self.heard.append(text)
            if match := re.search(pattern, text):
                return match[0]

    def decide(self, *, allow: bool = True) -> str:
        """Open the link, decide, and return the address that the browser is sent to."""
        return decide(self.hear(r"http\S+"), allow=allow)

    def type(self, text: str) -> None:
        """Type, or paste."""
        os.write(self._writing, text.encode())

    def leave(self) -> None:
        """Close the terminal, once nobody waits any more."""
        os.close(self._writing)
        for attempt in self._attempts:
            attempt.thread.join(LIMIT)
        os.close(self._reading)


def decide(link: str, *, allow: bool = True) -> str:
    """Return the address that the browser is sent to when the person has decided."""
    question = urlsplit(link)
    decision = f"allow={'yes' if allow else 'no'}&{question.query}"
    url = question._replace(path="/decide", query=decision).geturl()
    return requests.get(url, allow_redirects=False, timeout=LIMIT).headers["Location"]


def browse(address: str) -> requests.Response:
    """Return the page at the address."""
    return requests.get(address, timeout=LIMIT)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port
