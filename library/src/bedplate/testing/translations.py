"""Checks of translations, without gettext: every text is translated, and what is compiled is what was written."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

import polib

from bedplate.django.development import texts as marked

BREAK: Final = re.compile(" ([:;?!»])")  # French has a space before these, at which no line breaks
VARIABLE: Final = re.compile(r"%\(\w+\)\w")


def problems(catalog: Path, *sources: Path, without: Collection[str] = ()) -> list[str]:
    """Return what is wrong with the translations of the texts in folders, a line each; none: an empty list.

    `catalog` is their `django.po`, its compiled `django.mo` beside it; folders named in `without` are left out.
    """
    entries, wanted = polib.pofile(str(catalog)), texts(*sources, without=without)
    compiled = {(entry.msgid, *_translations(entry)) for entry in polib.mofile(str(catalog.with_suffix(".mo")))}
    translated = {entry.msgid for entry in entries if entry.translated()}
    return [
        *(f"not translated: {text}" for text in sorted(wanted - translated)),
        *(f"translated, and in no source: {text}" for text in sorted(translated - wanted)),
        *(f"a guess, or left over: {entry.msgid}" for entry in entries if entry.fuzzy or entry.obsolete),
        *(
            f"a line can break before {found[1]} (a no-break space goes there): {entry.msgid}"
            for entry in entries
            if entries.metadata.get("Language") == "fr" and (found := BREAK.search("\n".join(_translations(entry))))
        ),
        *(f"other variables than its text: {entry.msgid}" for entry in entries if _has_other_variables(entry)),
        *(
            f"not compiled as written (python manage.py compilemessages): {text}"
            for text, *_forms in sorted({(entry.msgid, *_translations(entry)) for entry in entries} ^ compiled)
        ),
    ]


def texts(*sources: Path, without: Collection[str] = ()) -> set[str]:
    """Return every text that Python and templates in folders mark for translation."""
    return {text.singular for text in marked.texts(*sources, without=without)}


def _has_other_variables(entry: polib.POEntry) -> bool:
    known = [sorted(VARIABLE.findall(text)) for text in (entry.msgid, entry.msgid_plural)]
    return any(sorted(VARIABLE.findall(text)) not in known for text in _translations(entry))


def _translations(entry: polib.POEntry | polib.MOEntry) -> list[str]:
    """Return the translation, or one for each plural form."""
    return [entry.msgstr_plural[form] for form in sorted(entry.msgstr_plural)] or [entry.msgstr]
