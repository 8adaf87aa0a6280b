"""Catalogs of translations (`django.po`): parsing, and updates that change only what is necessary.

https://www.gnu.org/software/gettext/manual/html_node/PO-Files.html
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bedplate.django.development.texts import Text

FIELD: Final = re.compile(r'(msgctxt|msgid|msgid_plural|msgstr(?:\[\d+\])?)?\s*"(.*)"\s*')
START: Final = re.compile(r"#|msgctxt|msgid\b")
HEADER: Final = """\
# {name}. `manage.py makemessages` adds new texts, `manage.py compilemessages` compiles the translations.
msgid ""
msgstr ""
"Language: {locale}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plural_forms}\\n"
"""


class CatalogError(Exception):
    """A catalog that cannot be read."""


@dataclass(frozen=True)
class Entry:
    """A part of a catalog: its source, and the parsed fields."""

    written: str
    fields: Mapping[str, str]

    @property
    def text(self) -> Text:
        """The translated text."""
        return Text(self.fields["msgid"], self.fields.get("msgctxt", ""), self.fields.get("msgid_plural", ""))

    @property
    def translations(self) -> list[str]:
        """The translation, or one for each plural form."""
        return [value for name, value in self.fields.items() if name.startswith("msgstr")]

    @property
    def fuzzy(self) -> bool:
        """Whether it is marked as fuzzy."""
        return bool(re.search(r"^#,.*\bfuzzy\b", self.written, re.MULTILINE))

    @property
    def files(self) -> set[str]:
        """The files of the text, without line numbers."""
        places = " ".join(re.findall(r"^#: (.*)", self.written, re.MULTILINE)).split()
        return {place.partition(":")[0] for place in places}


@dataclass(frozen=True)
class Change:
    """The updated catalog, with the added and removed texts."""

    written: str
    added: list[Text]
    removed: list[Entry]


def entries(written: str) -> list[Entry]:
    """Return the parts of a catalog: header, texts, comments. Joined, they are the catalog. Raise CatalogError."""
    found = [Entry(part, dict(_fields(part))) for part in _parts(written)]
    for entry in found:
        if entry.fields and "msgid" not in entry.fields:
            raise CatalogError(f"A text is missing (msgid): {entry.written.strip()}")
    return found


def merge(written: str, current: Mapping[Text, list[str]]) -> Change:
    """Return the catalog with exactly these texts, each with its files. Other entries keep their form and order."""
    kept, removed, known = [], [], set()
    for entry in entries(written):
        if not entry.fields.get("msgid"):
            kept.append(entry.written)
        elif entry.text in current:
            known.add(entry.text)
            kept.append(_with_files(entry, current[entry.text]))
        else:
            removed.append(entry)
    added = [text for text in current if text not in known]
    changed = "".join(kept).rstrip("\n") + "\n"
    new = [f"\n{_new_entry(text, current[text], _number_of_forms(changed))}" for text in added]
    return Change("".join([changed, *new]), added, removed)


def _parts(written: str) -> Iterator[str]:
    part: list[str] = []
    translated = False
    for line in _lines(written):
        if part and (translated or not part[-1].strip()) and START.match(line):
            yield "".join(part)
            part, translated = [], False
        translated |= line.startswith("msgstr")
        part.append(line)
    if part:
        yield "".join(part)


def _lines(text: str) -> list[str]:
    """Return the lines with their line ends. Only a line feed ends a line; other line separators are text."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _fields(part: str) -> Iterator[tuple[str, str]]:
    name, value = "", ""
    for line in part.split("\n"):
        if not line.strip() or line.startswith("#"):
            continue
        found = FIELD.fullmatch(line)
        if not found or not (found[1] or name):
            raise CatalogError(f"This is not a line of a catalog: {line}")
        if found[1]:
            if name:
                yield name, value
            name, value = found[1], ""
        value += _unquoted(found[2])
    if name:
        yield name, value


def _unquoted(raw: str) -> str:
    if re.search(r'(?<!\\)(?:\\\\)*"', raw):
        raise CatalogError(f'Write a quote in a text as \\": {raw}')
    try:
        return str(ast.literal_eval(f'"{raw}"'))
    except (SyntaxError, ValueError):
        raise CatalogError(f"Invalid escape sequence: {raw}") from None


def quoted(text: str) -> str:
    """Return the text in the form of a catalog: one string, or one for each line."""

    def quote(line: str) -> str:
        for character, escaped in (("\\", r"\\"), ('"', r"\""), ("\n", r"\n"), ("\t", r"\t"), ("\r", r"\r")):
            line = line.replace(character, escaped)
        return f'"{line}"'

    lines = _lines(text)
    return "\n".join(['""', *map(quote, lines)]) if len(lines) > 1 else quote(text)


def _with_files(entry: Entry, files: list[str]) -> str:
    if entry.files == set(files):
        return entry.written
    lines = [line for line in entry.written.splitlines(keepends=True) if not line.startswith("#: ")]
    # After the translator's comments and those of the text, before its flags.
    place = next(number for number, line in enumerate(lines) if line.startswith(("#,", "#|", "msg")))
    return "".join([*lines[:place], f"#: {' '.join(files)}\n", *lines[place:]])


def _new_entry(text: Text, files: list[str], forms: int) -> str:
    lines = [f"#: {' '.join(files)}"]
    if re.search(r"%\(\w+\)\w|%[ds]", text.singular + text.plural):
        lines.append("#, python-format")
    if text.context:
        lines.append(f"msgctxt {quoted(text.context)}")
    lines.append(f"msgid {quoted(text.singular)}")
    if text.plural:
        lines.append(f"msgid_plural {quoted(text.plural)}")
        lines += [f'msgstr[{form}] ""' for form in range(forms)]
    else:
        lines.append('msgstr ""')
    return "\n".join(lines) + "\n"


def _number_of_forms(written: str) -> int:
    found = re.search(r"nplurals\s*=\s*(\d+)", written)
    return int(found[1]) if found else 2
