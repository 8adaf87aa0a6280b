"""`.env`, parsed as Docker Compose does. Its values are data and never executed."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from bedplate.host import ROOT

FILE: Final = ROOT / ".env"
EXAMPLE: Final = ROOT / ".env.example"
PLACEHOLDER: Final = "change-me"
LINE: Final = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
COMMENT: Final = re.compile(r"\s+#.*|\s+$")


def text_of(file: Path) -> str:
    """Return the text of the file, with Unix line endings."""
    return file.read_text(encoding="utf-8", errors="surrogateescape").replace("\r", "")


def read(file: Path) -> dict[str, str]:
    """Return the variables of the file; of two lines with the same name the last one counts. Empty without a file."""
    return dict(_variables(text_of(file))) if file.exists() else {}


def _variables(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        if match := LINE.match(line):
            yield match[1], _value(match[2])


def _value(text: str) -> str:
    if text[:1] in ("'", '"'):
        return text[1:].partition(text[0])[0]
    return "" if text.startswith("#") else COMMENT.sub("", text)


def get(name: str) -> str:
    """Return the value of a variable in `.env`, or an empty text."""
    return read(FILE).get(name, "")


def configured(name: str) -> str:
    """Return the value in `.env`; without that file, in the environment, otherwise in `.env.example`."""
    if FILE.exists():
        return get(name)
    return os.environ.get(name) or read(EXAMPLE).get(name, "")


def with_values(text: str, values: Mapping[str, str]) -> str:
    """Return the text of a file with these values set in their lines, or appended."""
    lines, left = text.removesuffix("\n").split("\n"), dict(values)
    for number, line in enumerate(lines):
        match = LINE.match(line)
        if match and match[1] in values:
            lines[number] = f"{match[1]}={values[match[1]]}"
            left.pop(match[1], None)
    return "".join(f"{line}\n" for line in [*lines, *(f"{name}={value}" for name, value in left.items())])


def replace(text: str, file: Path = FILE) -> None:
    """Write `.env`, or another file, atomically; only its owner can read it from the first byte on."""
    unfinished = file.with_name(f"{file.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as new:
            new.write(text)
        unfinished.replace(file)
    except BaseException:  # also Ctrl-C: the file has secrets
        unfinished.unlink(missing_ok=True)
        raise


def set_values(values: Mapping[str, str]) -> None:
    """Set these values in `.env`, if one of them differs."""
    present = read(FILE)
    if any(present.get(name, "") != value for name, value in values.items()):
        replace(with_values(text_of(FILE), values))


def follow() -> list[str]:
    """Remove the shell's variables, so that `.env` decides; return a note for each one with another value.

    Compose prefers a variable of the shell to the same one in `.env`.
    """
    notes, present = [], read(FILE)
    os.environ.pop("COMPOSE_FILE", None)
    for name in read(EXAMPLE):
        value = os.environ.pop(name, None)
        if value is not None and value != present.get(name, "") and (name, value) != ("PROXY_NETWORK", "none"):
            notes.append(
                f"      Note: your shell sets {name} too; the install follows .env. "
                f"So that docker compose does: unset {name}"
            )
    return notes
