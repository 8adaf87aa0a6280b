"""Parse the output of `docker compose config`.

Its JSON would be simpler, but lacks the extensions (x-…) of secrets, at least in Compose 2.26. This parses
the subset of YAML that Compose writes: blocks, one key or one item per line, texts plain or in quotes.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from bedplate.host.errors import AbortError

KEY: Final = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s'"?|>&*!%@`{\[-].*?|-[^\s].*?):(?:\s+(.*))?$""")


def parse(text: str) -> Mapping[str, Any]:
    """Return the configuration: mappings, lists and texts; empty if the text is not a mapping.

    Raise AbortError, with the line, if it cannot be parsed: a partial configuration would be wrong.
    """
    lines = [(len(line) - len(line.lstrip()), line.strip()) for line in text.split("\n") if line.strip()]
    if not lines or not KEY.match(lines[0][1]):
        return {}
    found, end = _mapping(lines, 0, lines[0][0])
    if end < len(lines):
        raise AbortError(
            f"a line of the output of `docker compose config` cannot be read: {lines[end][1]}",
            "Write it in another way in your Compose file: a key without quotes, :: and line ends.",
        )
    return found


def _block(lines: list[tuple[int, str]], start: int) -> tuple[Any, int]:
    """Return the block that begins at a line, and the number of the line after it."""
    indent, first = lines[start]
    if first.startswith("- ") or first == "-":
        return _list(lines, start, indent)
    if KEY.match(first):
        return _mapping(lines, start, indent)
    return None, start  # an unknown form: parse() reports the line


def _mapping(lines: list[tuple[int, str]], start: int, indent: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    at = start
    while at < len(lines) and lines[at][0] == indent and (match := KEY.match(lines[at][1])):
        key, value = _text(match[1]), match[2] or ""
        at += 1
        if value:
            found[key] = _text(value)
            at = _end_of_deeper(lines, at, indent)
        elif at < len(lines) and (lines[at][0] > indent or (lines[at][0] == indent and lines[at][1].startswith("- "))):
            found[key], at = _block(lines, at)
        else:
            found[key] = None
    return found, at


def _list(lines: list[tuple[int, str]], start: int, indent: int) -> tuple[list[Any], int]:
    found: list[Any] = []
    at = start
    while at < len(lines) and lines[at][0] == indent and lines[at][1].startswith("-"):
        rest = lines[at][1][1:].strip()
        if KEY.match(rest) or rest.startswith("- "):
            lines[at] = (indent + 2, rest)  # it begins a block, indented by two more columns
            item, at = _block(lines, at)
        else:
            item, at = _text(rest), _end_of_deeper(lines, at + 1, indent)
        found.append(item)
    return found, at


def _end_of_deeper(lines: list[tuple[int, str]], at: int, indent: int) -> int:
    """Return the number of the next line that is not indented more: skip the rest of a text of several lines."""
    while at < len(lines) and lines[at][0] > indent:
        at += 1
    return at


def _text(value: str) -> Any:
    if value in ("null", "~"):
        return None
    if value in ("{}", "[]"):
        return {} if value == "{}" else []
    if len(value) > 1 and value[0] == value[-1] == "'":
        return value[1:-1].replace("''", "'")
    if len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return value
