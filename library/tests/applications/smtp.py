"""A mail server for tests, with an optional delay, that can refuse, hang, and hang up."""

import socketserver
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final, override

HANG, CLOSE = "hang", "close"
ACCEPTED: Final = "END"
"""The step after the text of a mail."""


class SmtpServer(socketserver.ThreadingTCPServer):
    """Accepts every mail, unless `replies` has another reply for a step. It records connections, recipients, texts.

    A step is a command, a command with an address (`RCPT ada@example.org`), or `END`. A reply may be HANG or CLOSE.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *, pause: float = 0.0, replies: Mapping[str, str] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.pause = pause
        self.replies = dict(replies or {})
        self.stopped = Event()
        self.connections = 0
        self.recipients: list[str] = []
        self.mails: list[str] = []

    @property
    def port(self) -> int:
        """The port of the server."""
        return int(self.server_address[1])


class Session(socketserver.StreamRequestHandler):
    """A connection."""

    server: SmtpServer

    @override
    def handle(self) -> None:
        self.server.connections += 1
        if not self.say("220 ready", "CONNECT"):
            return
        while line := self.rfile.readline().decode().strip():
            command = line.split(":")[0].upper().split(" ")[0]
            if not self.answer(command, line.partition("<")[2].partition(">")[0]):
                return

    def answer(self, command: str, address: str) -> bool:
        """Answer a command. Return False if the session is over."""
        match command:
            case "RCPT":
                if answered := self.say("250 taken", f"RCPT {address}", "RCPT"):
                    self.server.recipients.append(address)
                return answered
            case "DATA":
                if not self.say("354 go on", "DATA") or "DATA" in self.server.replies:
                    return "DATA" in self.server.replies and self.server.replies["DATA"] != CLOSE
                mail = b"".join(iter(self.rfile.readline, b".\r\n")).decode()
                if ACCEPTED not in self.server.replies:
                    self.server.mails.append(mail)
                return self.say("250 taken", ACCEPTED)
            case "QUIT":
                self.say("221 bye", "QUIT")
                return False
        return self.say("250 well", command)

    def say(self, reply: str, *steps: str) -> bool:
        """Send a reply. Return False if the session is over."""
        reply = next((self.server.replies[step] for step in steps if step in self.server.replies), reply)
        if reply == HANG:
            self.server.stopped.wait(60)
        if reply in (HANG, CLOSE):
            return False
        time.sleep(self.server.pause)  # the delay of a slow server
        self.wfile.write(f"{reply}\r\n".encode())
        return True


@contextmanager
def smtp_server(*, pause: float = 0.0, replies: Mapping[str, str] | None = None) -> Iterator[SmtpServer]:
    """Yield a mail server that listens."""
    with SmtpServer(pause=pause, replies=replies) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.stopped.set()
        server.shutdown()


def settings_for(port: int) -> dict[str, object]:
    """Return Django's MAILERS for a server on this machine, without the outbox."""
    options = {"host": "127.0.0.1", "port": port, "timeout": 10}
    return {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}


def outbox_for(port: int, *, timeout: float = 10) -> dict[str, object]:
    """Return Django's MAILERS for a server on this machine, with the outbox, as in the settings."""
    options = {"host": "127.0.0.1", "port": port, "timeout": timeout}
    return {
        "default": {"BACKEND": "bedplate.django.outbox.backend.EmailBackend"},
        "transport": {"BACKEND": "bedplate.django.outbox.smtp.EmailBackend", "OPTIONS": options},
    }
