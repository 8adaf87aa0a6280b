"""Checks of translations, without gettext: every text is translated, and what is compiled is what was written."""

import ast
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import polib
from django.utils.translation.template import templatize

# What `templatize` leaves of a template, and what Python calls: the names that gettext looks for.
MARKERS: Final = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
MARKED: Final = re.compile(r"""\b(?:_|n?gettext)\(\s*(u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))""")
BREAK: Final = re.compile(" ([:;?!»])")  # French has a space before these, at which no line breaks
VARIABLE: Final = re.compile(r"%\(\w+\)\w")
NEVER_SHOWN: Final = frozenset({"locale", "migrations", "tests"})


def problems(catalog: Path, sources: Path, *, without: Collection[str] = ()) -> list[str]:
    """Return what is wrong with the translations of the texts in a folder, a line each; none: an empty list.

    `catalog` is their `django.po`, its compiled `django.mo` beside it; folders named in `without` are left out.
    """
    entries, wanted = polib.pofile(str(catalog)), texts(sources, without=without)
    compiled = {(entry.msgid, entry.msgstr) for entry in polib.mofile(str(catalog.with_suffix(".mo")))}
    translated = {entry.msgid for entry in entries if entry.translated()}
    return [
        *(f"not translated: {text}" for text in sorted(wanted - translated)),
        *(f"translated, and in no source: {text}" for text in sorted(translated - wanted)),
        *(f"a guess, or left over: {entry.msgid}" for entry in entries if entry.fuzzy or entry.obsolete),
        *(
            f"a line can break before {found[1]} (a no-break space goes there): {entry.msgid}"
            for entry in entries
            if entries.metadata.get("Language") == "fr" and (found := BREAK.search(entry.msgstr))
        ),
        *(f"other variables than its text: {entry.msgid}" for entry in entries if _has_other_variables(entry)),
        *(
            f"not compiled as written (python manage.py compilemessages): {text}"
            for text, _translation in sorted({(entry.msgid, entry.msgstr) for entry in entries} ^ compiled)
        ),
    ]


def texts(sources: Path, *, without: Collection[str] = ()) -> set[str]:
    """Return every text that Python and templates in a folder mark for translation."""
    skipped = NEVER_SHOWN | set(without)

    def files(pattern: str) -> Iterator[Path]:
        return (path for path in sources.rglob(pattern) if not skipped & set(path.relative_to(sources).parts))

    templates = (text for path in files("*.html") for text in _texts_of_template(path))
    modules = (text for path in files("*.py") for text in _texts_of_module(path))
    return {*templates, *modules}


def _texts_of_template(path: Path) -> Iterator[str]:
    return (ast.literal_eval(literal) for literal in MARKED.findall(templatize(path.read_text())))


def _texts_of_module(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKERS:
            yield ast.literal_eval(node.args[0])


def _has_other_variables(entry: polib.POEntry) -> bool:
    return sorted(VARIABLE.findall(entry.msgid)) != sorted(VARIABLE.findall(entry.msgstr))
