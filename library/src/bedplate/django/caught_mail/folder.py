"""The folder of the mail catcher: one file for each message; file names sort by time."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import islice
from pathlib import Path
from typing import Final

IDENTIFIER: Final = r"[0-9]{8}T[0-9]{12}-[0-9a-f]{8}"


@dataclass(frozen=True)
class CaughtMessage:
    """A message in the folder."""

    identifier: str
    message: EmailMessage

    @property
    def subject(self) -> str:
        """The Subject header."""
        return str(self.message["Subject"] or "")

    @property
    def sender(self) -> str:
        """The From header."""
        return str(self.message["From"] or "")

    @property
    def recipients(self) -> str:
        """The To and Cc headers."""
        return ", ".join(str(self.message[name]) for name in ("To", "Cc") if self.message[name])

    @property
    def date(self) -> datetime:
        """The time when it was written to the folder."""
        return datetime.strptime(self.identifier.partition("-")[0], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)

    @property
    def text(self) -> str | None:
        """The plain text, if there is one."""
        return self._body("plain")

    @property
    def html(self) -> str | None:
        """The HTML, if there is any. Untrusted."""
        return self._body("html")

    @property
    def attachments(self) -> list[str]:
        """The file names of the attachments."""
        return [part.get_filename() or part.get_content_type() for part in self.message.iter_attachments()]

    def _body(self, subtype: str) -> str | None:
        body = self.message.get_body(preferencelist=(subtype,))
        return None if body is None else str(body.get_content())


@dataclass(frozen=True)
class MailFolder:
    """The folder `path`, which need not exist yet."""

    path: Path

    def add(self, message: bytes) -> None:
        """Write a message to the folder atomically."""
        self.path.mkdir(parents=True, exist_ok=True)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
        unfinished = self.path / f"{name}.part"
        unfinished.write_bytes(message)
        unfinished.rename(self.path / f"{name}.eml")

    def newest(self, count: int) -> list[CaughtMessage]:
        """Return the last `count` messages, the newest first."""
        return list(islice(self._newest_first(), count))

    def get(self, identifier: str) -> CaughtMessage | None:
        """Return a message, or None if it does not exist."""
        if not re.fullmatch(IDENTIFIER, identifier):
            return None
        try:
            content = (self.path / f"{identifier}.eml").read_bytes()
        except FileNotFoundError:
            return None
        return CaughtMessage(identifier, message_from_bytes(content, policy=policy.default))

    def _newest_first(self) -> Iterator[CaughtMessage]:
        for path in sorted(self.path.glob("*.eml"), reverse=True):
            if message := self.get(path.stem):
                yield message
