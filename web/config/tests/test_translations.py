"""Every text of the project is translated, and what is compiled is what was written. Needs no gettext."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polib
import pytest
from django.conf import settings
from django.utils.translation.template import templatize

WEB: Final[Path] = settings.BASE_DIRECTORY
CATALOGS: Final = sorted((WEB / "locale").glob("*/LC_MESSAGES/django.po"))
NOT_OURS: Final = {"frontend", "locale", "migrations", "static", "staticfiles", "tests"}

# What `templatize` leaves of a template, and what Python calls: the names that gettext looks for.
MARKERS: Final = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
MARKED: Final = re.compile(r"""\b(?:_|n?gettext)\(\s*(u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))""")


def sources(pattern: str) -> Iterator[Path]:
    """Yield the project's own files of a kind."""
    return (path for path in WEB.rglob(pattern) if not NOT_OURS & set(path.relative_to(WEB).parts))


def texts_of_template(path: Path) -> Iterator[str]:
    """Yield the texts that a template marks for translation."""
    return (ast.literal_eval(literal) for literal in MARKED.findall(templatize(path.read_text())))


def texts_of_module(path: Path) -> Iterator[str]:
    """Yield the texts that a module marks for translation."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKERS:
            yield ast.literal_eval(node.args[0])


def texts() -> set[str]:
    """Return every text of the project that is marked for translation."""
    templates = (text for path in sources("*.html") for text in texts_of_template(path))
    modules = (text for path in sources("*.py") for text in texts_of_module(path))
    return {*templates, *modules}


def test_there_is_a_catalog_for_every_language_but_the_source() -> None:
    assert {path.parts[-3] for path in CATALOGS} == {code for code, _name in settings.LANGUAGES} - {"en"}


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda path: path.parts[-3])
def test_every_text_is_translated_and_nothing_else(catalog: Path) -> None:
    translated = {entry.msgid for entry in polib.pofile(str(catalog)) if entry.translated()}
    assert sorted(texts() - translated) == []
    assert sorted(translated - texts()) == []


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda path: path.parts[-3])
def test_no_translation_is_a_guess_or_left_over(catalog: Path) -> None:
    entries = polib.pofile(str(catalog))
    assert [entry.msgid for entry in entries if entry.fuzzy or entry.obsolete] == []


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda path: path.parts[-3])
def test_what_is_compiled_is_what_was_written(catalog: Path) -> None:
    written = {(entry.msgid, entry.msgstr) for entry in polib.pofile(str(catalog))}
    compiled = {(entry.msgid, entry.msgstr) for entry in polib.mofile(str(catalog.with_suffix(".mo")))}
    assert compiled == written, "Run: python manage.py compilemessages"


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda path: path.parts[-3])
def test_a_translation_has_the_variables_of_its_text(catalog: Path) -> None:
    variable = re.compile(r"%\(\w+\)\w")
    for entry in polib.pofile(str(catalog)):
        assert sorted(variable.findall(entry.msgid)) == sorted(variable.findall(entry.msgstr)), entry.msgid


def test_french_punctuation_stays_with_its_word() -> None:
    """French has a space before `:`, `;`, `?` and `!`: one at which no line breaks."""
    catalog = polib.pofile(str(WEB / "locale/fr/LC_MESSAGES/django.po"))
    assert [entry.msgstr for entry in catalog if re.search(r" [:;?!»]", entry.msgstr)] == []
