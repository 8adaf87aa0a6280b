"""SMTP server that prints a line for each message: a recipient and the subject."""

import email
import socketserver
from email import policy

PORT = 8025


class Conversation(socketserver.StreamRequestHandler):
    """The conversation with one client."""

    def handle(self) -> None:
        """Accept everything until the client leaves."""
        self._say("220 mail")
        while line := self.rfile.readline():
            match line.split()[0].upper():
                case b"DATA":
                    self._say("354 go on")
                    self._take()
                    self._say("250 taken")
                case b"QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 mail")

    def _take(self) -> None:
        message = email.message_from_bytes(b"".join(iter(self.rfile.readline, b".\r\n")), policy=policy.default)
        print(f"{message['To']} {message['Subject']}")  # noqa: T201 - the test reads the log

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


if __name__ == "__main__":
    with socketserver.ThreadingTCPServer(("", PORT), Conversation) as server:
        server.serve_forever()
