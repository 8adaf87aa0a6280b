"""Search the content of an archive for the secrets of this installation."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Final
from urllib.parse import quote, quote_plus

from bedplate.host.archive.secret_values import Secret
from bedplate.host.errors import AbortError

FINDINGS_SHOWN: Final = 20
SHORTEST_FORM: Final = 8


@dataclass
class Search:
    """The forms to search for, each with the place of its secret; and the findings: file, line, place."""

    forms: dict[bytes, str]
    not_searchable: list[str]
    findings: dict[tuple[str, int, str], None] = field(default_factory=dict)

    @classmethod
    def of(cls, secrets: Iterable[Secret]) -> "Search":
        """Return a search for these secrets and their parts, in each form."""
        forms: dict[bytes, str] = {}
        too_short: dict[str, None] = {}
        for secret in secrets:
            if not Secret(secret.without_user, secret.place).is_searchable:
                too_short[secret.place] = None
            for part in secret.parts():
                if part.is_searchable:
                    forms |= {form: part.place for form in forms_of(part.value) if form not in forms}
        return cls(forms, list(too_short))

    def look_at_name(self, name: str) -> None:
        """Search the path of a file."""
        for place in self._found_in(name.encode(errors="surrogateescape")):
            self.findings[self.masked(name), 0, place] = None

    def look_at(self, name: str, content: bytes, *, lines_before: int = 0) -> None:
        """Search the content of a file, or a piece of it that follows `lines_before` lines."""
        for form, place in self.forms.items():
            start = content.find(form)
            while start >= 0:
                line = lines_before + content.count(b"\n", 0, start) + 1
                self.findings[self.masked(name), line, place] = None
                start = content.find(form, start + len(form))

    def masked(self, name: str) -> str:
        """Return a path with its secrets replaced, to be printed."""
        encoded = name.encode(errors="surrogateescape")
        for form in self.forms:
            encoded = encoded.replace(form, b"***")
        return encoded.decode(errors="replace")

    def require_nothing_found(self) -> None:
        """Raise AbortError, with file and line, if something was found."""
        if not self.findings:
            return
        shown = [
            f"{name}, {f'line {line}' if line else 'in its name'}: {place}"
            for name, line, place in list(self.findings)[:FINDINGS_SHOWN]
        ]
        hidden = len(self.findings) - len(shown)
        raise AbortError(
            "the archive would contain secrets of this installation:",
            *shown,
            *([f"… and {hidden} more"] if hidden else []),
            "Remove each of them, commit, and change the secret: everyone with the repository knows it.",
        )

    def _found_in(self, content: bytes) -> Iterator[str]:
        return (place for form, place in self.forms.items() if form in content)


@dataclass
class SearchedStream:
    """A stream that is searched while it is read."""

    source: IO[bytes]
    name: str
    search: Search
    _window: bytes = b""
    _lines_before: int = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, searched together with the end of the previous ones: a secret may begin there."""
        piece = self.source.read(size)
        window = self._window + piece
        self.search.look_at(self.name, window, lines_before=self._lines_before)
        overlap = max(map(len, self.search.forms), default=1) - 1
        kept = window[len(window) - min(overlap, len(window)) :]
        self._lines_before += window.count(b"\n", 0, len(window) - len(kept))
        self._window = kept
        return piece


def forms_of(value: str) -> Iterator[bytes]:
    """Yield the forms of a value in a file: plain, URL-encoded, in JSON, and in base64 of a text that contains it."""
    content = value.encode(errors="surrogateescape")
    yield content
    yield from (quote(content, safe="").encode(), quote_plus(content).encode())
    yield json.dumps(value)[1:-1].encode()
    for encode in (b64encode, urlsafe_b64encode):
        for offset in range(3):  # bytes before it: base64 encodes three bytes as four characters
            encoded = encode(bytes(offset) + content)[-(-offset * 8 // 6) : (offset + len(content)) * 8 // 6]
            if len(encoded) >= SHORTEST_FORM:
                yield encoded
