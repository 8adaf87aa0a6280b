"""Checks of translations, without gettext: every text is translated, and the compiled catalogs are up to date."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

import polib

from bedplate.django.development import texts as marked

BREAK: Final = re.compile(" ([:;?!»])")  # French has a no-break space before these
VARIABLE: Final = re.compile(r"%\(\w+\)\w")


def problems(
    catalog: Path, *sources: Path, without: Collection[str] = (), overridden: Collection[str] = ()
) -> list[str]:
    """Return the errors in the translations of the texts in these folders, one line each.

    `catalog` is their `django.po`, with the compiled `django.mo` next to it; `without` has names of skipped folders.
    The catalog may have other words for `overridden` texts, which are of other packages. An English one has only these.
    """
    entries, expected = polib.pofile(str(catalog)), texts(*sources, without=without)
    if entries.metadata.get("Language") == "en":
        expected = set()
    compiled = {(entry.msgid, *_translations(entry)) for entry in polib.mofile(str(catalog.with_suffix(".mo")))}
    translated = {entry.msgid for entry in entries if entry.translated()}
    return [
        *(f"not translated: {text}" for text in sorted(expected - translated)),
        *(f"translated, but not in the sources: {text}" for text in sorted(translated - expected - {*overridden})),
        *(f"fuzzy or obsolete: {entry.msgid}" for entry in entries if entry.fuzzy or entry.obsolete),
        *(
            f"needs a no-break space before {found[1]}: {entry.msgid}"
            for entry in entries
            if entries.metadata.get("Language") == "fr" and (found := BREAK.search("\n".join(_translations(entry))))
        ),
        *(f"variables differ from the text: {entry.msgid}" for entry in entries if _has_other_variables(entry)),
        *(
            f"compiled catalog is out of date (python manage.py compilemessages): {text}"
            for text, *_forms in sorted({(entry.msgid, *_translations(entry)) for entry in entries} ^ compiled)
        ),
    ]


def texts(*sources: Path, without: Collection[str] = ()) -> set[str]:
    """Return every text that Python files and templates in these folders mark for translation."""
    return {text.singular for text in marked.texts(*sources, without=without)}


def _has_other_variables(entry: polib.POEntry) -> bool:
    known = [sorted(VARIABLE.findall(text)) for text in (entry.msgid, entry.msgid_plural)]
    return any(sorted(VARIABLE.findall(text)) not in known for text in _translations(entry))


def _translations(entry: polib.POEntry | polib.MOEntry) -> list[str]:
    """Return the translation, or one for each plural form."""
    return [entry.msgstr_plural[form] for form in sorted(entry.msgstr_plural)] or [entry.msgstr]
