"""The library's texts are translated in its applications; and the checks for projects find errors."""

from collections.abc import Collection
from pathlib import Path
from typing import Final

import allauth
import polib
import pytest
from bedplate import django as library
from bedplate.testing.translations import problems, texts
from django.contrib import admin, auth

APPLICATIONS: Final = sorted(Path(next(iter(library.__path__))).glob("*/locale"))
CATALOGS: Final = [catalog for locale in APPLICATIONS for catalog in sorted(locale.glob("*/LC_MESSAGES/django.po"))]
# An application has other words for texts of these packages, so that a thing has one name on the whole site.
OVERRIDDEN: Final = texts(*(Path(next(iter(package.__path__))) for package in (allauth, admin, auth)))


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda path: f"{path.parts[-5]}, {path.parts[-3]}")
def test_every_text_of_the_library_is_translated(catalog: Path) -> None:
    assert problems(catalog, catalog.parents[3], overridden=OVERRIDDEN) == []


def test_every_text_of_the_library_is_in_an_application_with_translations() -> None:
    everywhere = texts(Path(next(iter(library.__path__))))
    assert everywhere == {text for locale in APPLICATIONS for text in texts(locale.parent)}


@pytest.fixture
def catalog(tmp_path: Path) -> polib.POFile:
    """Return a complete catalog for a folder with one text, "Hello %(name)s"."""
    (tmp_path / "page.py").write_text('_("Hello %(name)s")')
    catalog = polib.POFile()
    catalog.fpath = str(tmp_path / "django.po")
    catalog.append(polib.POEntry(msgid="Hello %(name)s", msgstr="Bonjour %(name)s"))
    return catalog


def found(catalog: polib.POFile, *, compiled: bool = True, overridden: Collection[str] = ()) -> list[str]:
    catalog.save()
    if compiled:
        catalog.save_as_mofile(str(Path(catalog.fpath).with_suffix(".mo")))
    return problems(Path(catalog.fpath), Path(catalog.fpath).parent, overridden=overridden)


def test_a_complete_catalog_has_no_problem(catalog: polib.POFile) -> None:
    assert found(catalog) == []


def test_each_problem_is_named(catalog: polib.POFile) -> None:
    assert found(catalog) == []
    catalog[0].msgstr = "Salut %(name)s"
    assert any("compiled catalog is out of date" in problem for problem in found(catalog, compiled=False))
    catalog[0].msgstr = "Bonjour %(nom)s"
    assert found(catalog) == ["variables differ from the text: Hello %(name)s"]
    catalog[0].msgstr = ""
    assert "not translated: Hello %(name)s" in found(catalog)
    catalog[0].msgstr = "Bonjour %(name)s"
    catalog[0].flags.append("fuzzy")
    assert "fuzzy or obsolete: Hello %(name)s" in found(catalog)
    catalog[0].flags.clear()
    catalog.metadata["Language"] = "fr"
    catalog[0].msgstr = "Bonjour : %(name)s"
    assert any("no-break space" in problem for problem in found(catalog))
    catalog[0].msgstr = "Bonjour\u00a0: %(name)s"
    assert found(catalog) == []
    catalog.append(polib.POEntry(msgid="Bye", msgstr="Adieu"))
    assert found(catalog) == ["translated, but not in the sources: Bye"]


def test_a_catalog_may_have_other_words_for_the_texts_of_another_package(catalog: polib.POFile) -> None:
    catalog.append(polib.POEntry(msgid="Bye", msgstr="Adieu"))
    assert found(catalog, overridden={"Bye"}) == []
    catalog.metadata["Language"] = "en"
    catalog.pop(0)
    assert found(catalog, overridden={"Bye"}) == []
