"""A mail server for tests, with an optional delay."""

import socketserver
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import override


class SmtpServer(socketserver.ThreadingTCPServer):
    """Accepts every mail. It records connections, recipients, texts."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *, pause: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.pause = pause
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
        self.say("220 ready")
        while line := self.rfile.readline().decode().strip():
            match line.split(":")[0].upper().split(" ")[0]:
                case "RCPT":
                    self.server.recipients.append(line.partition("<")[2].rstrip(">"))
                    self.say("250 taken")
                case "DATA":
                    self.say("354 go on")
                    lines = iter(self.rfile.readline, b".\r\n")
                    self.server.mails.append(b"".join(lines).decode())
                    self.say("250 taken")
                case "QUIT":
                    self.say("221 bye")
                    return
                case _:
                    self.say("250 well")

    def say(self, reply: str) -> None:
        time.sleep(self.server.pause)  # the delay of a slow server
        self.wfile.write(f"{reply}\r\n".encode())


@contextmanager
def smtp_server(*, pause: float = 0.0) -> Iterator[SmtpServer]:
    """Yield a mail server that listens."""
    with SmtpServer(pause=pause) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def settings_for(port: int) -> dict[str, object]:
    """Return Django's MAILERS for a server on this machine."""
    options = {"host": "127.0.0.1", "port": port, "timeout": 10}
    return {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}
