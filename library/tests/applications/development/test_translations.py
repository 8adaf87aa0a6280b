"""`makemessages` and `compilemessages` write only changes, and do not need gettext."""

import gettext
from io import StringIO
from pathlib import Path
from typing import Final

import polib
import pytest
from bedplate.testing.translations import problems
from django.core.management import CommandError, call_command
from pytest_django import Settings

# In the form of GNU gettext: a date, line numbers, wrapped lines, obsolete entries as comments.
CATALOG: Final = r"""# A comment of the translator.
#, fuzzy
msgid ""
msgstr ""
"Project-Id-Version: shop\n"
"POT-Creation-Date: 2024-01-01 00:00+0000\n"
"Language: fr\n"
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\n"

#. For the button.
#: shop/views.py:12 shop/views.py:14
msgid "Buy"
msgstr "Acheter"

#: shop/views.py:20
#, python-format
msgid ""
"A text that is so long that it is wrapped, for "
"%(name)s."
msgstr ""
"Un texte qui est si long qu'il est coupé, pour "
"%(name)s."

#: shop/views.py:30
msgid "Sell"
msgstr "Vendre"

#~ msgid "Lend"
#~ msgstr "Prêter"
"""
INCOMPLETE: Final = """
#, fuzzy
msgid "Guess"
msgstr "Supposition"

msgid "Missing"
msgstr ""
"""
VIEWS: Final = """
_("Buy")
gettext("A text that is so long that it is wrapped, for " "%(name)s.")
"""


@pytest.fixture
def project(tmp_path: Path, settings: Settings) -> Path:
    """Return a project with an application with texts, a French catalog, and a virtual environment."""
    for name, text in {
        "locale/fr/LC_MESSAGES/django.po": CATALOG,
        "shop/views.py": f'{VIEWS}_("Sell")',
        "shop/tests/test_views.py": '_("Not shown")',
        ".venv/lib/package/views.py": '_("Of a package")',
        ".venv/lib/package/locale/fr/LC_MESSAGES/django.po": CATALOG,
        "frontend/node_modules/package/locale/fr/LC_MESSAGES/django.po": CATALOG,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    settings.LOCALE_PATHS = [tmp_path / "locale"]
    return tmp_path


def catalog_of(project: Path, locale: str = "fr") -> Path:
    return project / "locale" / locale / "LC_MESSAGES/django.po"


def run(command: str, *arguments: str) -> str:
    said = StringIO()
    call_command(command, *arguments, stdout=said)
    return said.getvalue()


def state(project: Path) -> dict[Path, tuple[bytes, int]]:
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in project.rglob("*") if path.is_file()}


def test_an_unchanged_catalog_is_not_written(project: Path) -> None:
    before = state(project)
    assert run("makemessages").startswith("fr: 0 new, 0 gone")
    assert state(project) == before


def test_a_new_text_is_added_and_the_rest_is_unchanged(project: Path) -> None:
    others = state(project).keys() - {catalog_of(project)}
    before = {path: value for path, value in state(project).items() if path in others}
    (project / "shop/admin.py").write_text('_("Rent %(name)s")\n')
    assert "1 new, 0 gone" in run("makemessages")
    new = '\n#: shop/admin.py\n#, python-format\nmsgid "Rent %(name)s"\nmsgstr ""\n'
    assert catalog_of(project).read_text() == CATALOG + new
    assert {path: value for path, value in state(project).items() if path in before} == before


def test_a_deleted_text_is_removed_and_its_translation_printed(project: Path) -> None:
    (project / "shop/views.py").write_text(VIEWS)
    assert "gone: 'Sell', translated as 'Vendre'" in run("makemessages")
    assert catalog_of(project).read_text() == CATALOG.replace(
        '#: shop/views.py:30\nmsgid "Sell"\nmsgstr "Vendre"\n\n', ""
    )


def test_a_text_that_moved_keeps_its_translation_and_its_place(project: Path) -> None:
    (project / "shop/views.py").write_text(VIEWS)
    (project / "shop/admin.py").write_text('_("Sell")')
    assert "0 new, 0 gone" in run("makemessages")
    assert catalog_of(project).read_text() == CATALOG.replace("shop/views.py:30", "shop/admin.py")


def test_every_kind_of_text_is_found_translated_and_read_by_python(project: Path) -> None:
    (project / "shop/kinds.py").write_text(
        'translation.gettext("Attribute")\npgettext("month", "May")\n'
        'ngettext("%(n)s egg", "%(n)s eggs", n)\ngettext_lazy("Two\\nlines and a \\"quote\\"")\n_(variable)\n'
    )
    (project / "templates").mkdir()
    (project / "templates/page.html").write_text(
        '{% load i18n %}{% translate "In a tag" %}{{ _("In a variable") }}{% translate "May" context "verb" %}'
        "{% blocktranslate count n=n %}{{ n }} hen{% plural %}{{ n }} hens{% endblocktranslate %}"
    )
    run("makemessages")
    written = polib.pofile(str(catalog_of(project)))
    for entry in written.untranslated_entries():
        if entry.msgid_plural:
            entry.msgstr_plural = {0: f"un {entry.msgid}", 1: f"des {entry.msgid_plural}"}
        entry.msgstr = "" if entry.msgid_plural else f"{entry.msgctxt}: {entry.msgid}"
    written.save()
    assert run("compilemessages").startswith("Compiled")
    french = gettext.translation("django", project / "locale", ["fr"])
    assert french.gettext("Buy") == "Acheter"
    assert french.gettext("Attribute") == "None: Attribute"
    assert french.gettext('Two\nlines and a "quote"') == 'None: Two\nlines and a "quote"'
    assert [french.pgettext(context, "May") for context in ("month", "verb")] == ["month: May", "verb: May"]
    assert [french.ngettext("%(n)s egg", "%(n)s eggs", n) for n in (1, 2)] == ["un %(n)s egg", "des %(n)s eggs"]
    assert french.ngettext("%(n)s hen", "%(n)s hens", 2) == "des %(n)s hens"
    assert french.gettext("In a variable") == "None: In a variable"


def test_compiling_writes_complete_translations_and_only_once(project: Path) -> None:
    catalog_of(project).write_text(CATALOG + INCOMPLETE)
    others = state(project)
    assert run("compilemessages") == f"Compiled {catalog_of(project)}\n"
    before = state(project)
    assert {path: value for path, value in before.items() if path in others} == others
    assert before.keys() - others.keys() == {catalog_of(project).with_suffix(".mo")}
    assert run("compilemessages") == ""
    assert state(project) == before
    french = gettext.translation("django", project / "locale", ["fr"])
    assert [french.gettext(text) for text in ("Sell", "Guess", "Missing")] == ["Vendre", "Guess", "Missing"]


def test_a_language_gets_its_plural_forms_and_the_texts_of_the_library(project: Path) -> None:
    assert "pl: " in run("makemessages", "--locale", "pl")
    polish = polib.pofile(str(catalog_of(project, "pl")))
    assert polish.metadata["Language"] == "pl"
    assert polish.metadata["Plural-Forms"].startswith("nplurals=4")
    assert {"Buy", "Cron"} <= {entry.msgid for entry in polish}
    assert "Cron" not in catalog_of(project).read_text()


@pytest.mark.parametrize("command", ["makemessages", "compilemessages"])
def test_an_invalid_catalog_is_named(project: Path, command: str) -> None:
    catalog_of(project).write_text(CATALOG.replace('msgstr "Vendre"', 'msgstr Vendre"'))
    before = state(project)
    error = r'fr/LC_MESSAGES/django.po: This is not a line of a catalog: msgstr Vendre"'
    with pytest.raises(CommandError, match=error):
        run(command)
    assert state(project) == before


def test_different_variables_in_a_plural_form_are_a_problem(project: Path) -> None:
    (project / "shop/views.py").write_text('ngettext("An egg", "%(n)s eggs", n)')
    catalog = catalog_of(project)
    text = 'msgid ""\nmsgstr ""\n"Language: fr\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    text += 'msgid "An egg"\nmsgid_plural "%(n)s eggs"\nmsgstr[0] "Un œuf"\nmsgstr[1] "%(n)s œufs"\n'
    other = text.replace("%(n)s œ", "%(m)s œ")
    for written, found in ((text, []), (other, ["variables differ from the text: An egg"])):
        catalog.write_text(written)
        run("compilemessages")
        assert problems(catalog, project) == found


def test_a_context_of_several_lines_stays_with_its_text(project: Path) -> None:
    """GNU gettext wraps a long context."""
    (project / "shop/views.py").write_text(f'{VIEWS}_("Sell")\npgettext("a long context", "May")')
    entry = '\n#: shop/views.py\nmsgctxt ""\n"a long "\n"context"\nmsgid "May"\nmsgstr "Mai"\n'
    catalog_of(project).write_text(CATALOG + entry)
    assert "0 new, 0 gone" in run("makemessages")
    assert catalog_of(project).read_text() == CATALOG + entry
    run("compilemessages")
    assert gettext.translation("django", project / "locale", ["fr"]).pgettext("a long context", "May") == "Mai"


@pytest.mark.parametrize("size", [10, 25, 100])
def test_a_truncated_compiled_catalog_is_written_again(project: Path, size: int) -> None:
    run("compilemessages")
    compiled = catalog_of(project).with_suffix(".mo")
    whole = compiled.read_bytes()
    compiled.write_bytes(whole[:size])
    assert run("compilemessages").startswith("Compiled")
    assert compiled.read_bytes() == whole


def test_a_write_error_keeps_the_catalog(project: Path) -> None:
    catalog = catalog_of(project)
    (catalog.parent / "django.po.new").mkdir()  # writing the temporary file fails
    (project / "shop/admin.py").write_text('_("Rent")')
    with pytest.raises(OSError, match=r"django\.po\.new"):
        run("makemessages")
    assert catalog.read_text() == CATALOG
