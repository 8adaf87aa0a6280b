"""A fake user who runs `./google_storage.sh -a`, with a terminal and a browser."""

import os
import re
import socket
import threading
from dataclasses import dataclass
from queue import Queue
from typing import Final
from urllib.parse import urlsplit

import requests
from bedplate.backup.commands.authenticate import Prompt, authenticate
from bedplate.backup.configuration import Configuration

LIMIT: Final = 30


@dataclass
class Attempt:
    """A call of authenticate() in its own thread."""

    thread: threading.Thread
    errors: list[BaseException]

    def finish(self) -> None:
        """Wait until it has ended; raise its error."""
        self.thread.join(LIMIT)
        assert not self.thread.is_alive(), "still waiting"
        if self.errors:
            raise self.errors[0]


class FakePerson:
    """A user who reads the output, and types."""

    def __init__(self) -> None:
        """Open a terminal."""
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
        prompt = Prompt(say=self._said.put, typed=descriptor, time_limit=time_limit)
        errors: list[BaseException] = []

        def run() -> None:
            try:
                authenticate(configuration, key_file=None, port=self.port, prompt=prompt)
            except BaseException as error:
                errors.append(error)

        attempt = Attempt(threading.Thread(target=run, daemon=True), errors)
        attempt.thread.start()
        self._attempts.append(attempt)
        return attempt

    def hear(self, pattern: str) -> str:
        """Wait for output that matches the pattern, and return the match."""
        while True:
            text = self._said.get(timeout=LIMIT)
            self.heard.append(text)
            if match := re.search(pattern, text):
                return match[0]

    def decide(self, *, allow: bool = True) -> str:
        """Open the link, decide, and return the URL that the browser is redirected to."""
        return decide(self.hear(r"http\S+"), allow=allow)

    def type(self, text: str) -> None:
        """Type or paste text."""
        os.write(self._writing, text.encode())

    def leave(self) -> None:
        """Close the terminal after all attempts have ended."""
        os.close(self._writing)
        for attempt in self._attempts:
            attempt.thread.join(LIMIT)
        os.close(self._reading)


def decide(link: str, *, allow: bool = True) -> str:
    """Answer the consent page, and return the URL that the browser is redirected to."""
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
