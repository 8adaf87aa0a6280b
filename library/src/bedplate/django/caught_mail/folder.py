"""A folder of caught mail: a file a message, named so that names sort by time."""

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
        """What the message is about."""
        return str(self.message["Subject"] or "")

    @property
    def sender(self) -> str:
        """Who sent it."""
        return str(self.message["From"] or "")

    @property
    def recipients(self) -> str:
        """Who it is for, as its To and Cc say."""
        return ", ".join(str(self.message[name]) for name in ("To", "Cc") if self.message[name])

    @property
    def date(self) -> datetime:
        """When it was caught."""
        return datetime.strptime(self.identifier.partition("-")[0], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)

    @property
    def text(self) -> str | None:
        """Its plain text, if it has one."""
        return self._body("plain")

    @property
    def html(self) -> str | None:
        """Its HTML, if it has one. Not to be trusted."""
        return self._body("html")

    @property
    def attachments(self) -> list[str]:
        """The names of the files it carries."""
        return [part.get_filename() or part.get_content_type() for part in self.message.iter_attachments()]

    def _body(self, subtype: str) -> str | None:
        body = self.message.get_body(preferencelist=(subtype,))
        return None if body is None else str(body.get_content())


@dataclass(frozen=True)
class MailFolder:
    """Caught mail at `path`, which need not exist yet."""

    path: Path

    def add(self, message: bytes) -> None:
        """Keep a message. It is in the folder whole, or not at all."""
        self.path.mkdir(parents=True, exist_ok=True)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
        unfinished = self.path / f"{name}.part"
        unfinished.write_bytes(message)
        unfinished.rename(self.path / f"{name}.eml")

    def newest(self, count: int) -> list[CaughtMessage]:
        """Return the last `count` messages, the newest first."""
        return list(islice(self._newest_first(), count))

    def get(self, identifier: str) -> CaughtMessage | None:
        """Return a message, or None if there is none of this name."""
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
