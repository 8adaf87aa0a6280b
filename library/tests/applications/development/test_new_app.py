"""`manage.py add_app`: names, edits of the project's files, and all or nothing. How-to pages use the result."""

import os
import signal
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from bedplate.django.development.new_app import names as names_module
from bedplate.django.development.new_app import writing
from bedplate.django.development.new_app.edits import NoPlaceError, with_element, with_link
from bedplate.django.development.new_app.names import Names, UnusableNameError
from bedplate.django.development.new_app.translations import translated
from django.core.management import CommandError, call_command
from django.urls import include, path
from django.views import View
from pytest_django import Settings


@pytest.mark.parametrize(
    ("name", "model", "singular", "plural"),
    [
        ("notes", "Note", "note", "notes"),
        ("order_items", "OrderItem", "order item", "order items"),
        ("categories", "Category", "category", "categories"),
        ("addresses", "Address", "address", "addresses"),
        ("news", "News", "news", "news"),
        ("stock", "Stock", "stock", "stocks"),
        ("diary", "Diary", "diary", "diaries"),
        ("status", "Status", "status", "statuses"),
    ],
)
def test_the_model_is_the_singular(name: str, model: str, singular: str, plural: str) -> None:
    names = Names.of(name)
    assert (names.model, names.singular, names.plural) == (model, singular, plural)


def test_the_model_can_be_given() -> None:
    names = Names.of("shop", "OrderItem")
    assert (names.singular, names.plural) == ("order item", "order items")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "not a name of a package"),
        ("Notes", "not a name of a package"),
        ("../notes", "not a name of a package"),
        ("no tes", "not a name of a package"),
        ("notes\n", "not a name of a package"),
        ("1st", "not a name of a package"),
        ("_notes", "not a name of a package"),
        ("größe", "not a name of a package"),
        (41 * "a", "longer than 40"),
        ("class", "a word of Python"),
        ("match", "a word of Python"),
        ("media", "There is an app"),
        ("pages", "There is an app"),
        ("json", "There is a Python package"),
        ("config", "There is a Python package"),
        ("celery", "There is a Python package"),
        ("allauth", "There is an app"),
        ("groups", "Users have an attribute"),
        ("documents", "Users have an attribute"),
        ("tasks", "The site has a page"),
        ("accounts", "The site has a page"),
        ("home", "The site has a page"),
    ],
)
def test_an_unusable_name_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(UnusableNameError, match=reason):
        Names.of(name)


@pytest.mark.parametrize("name", ["cart", "flower"])
def test_an_address_that_is_taken_is_refused(name: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of an app without a prefix, with other names; and what nginx answers, not installed here."""
    urls: Any = ModuleType("urls")
    urls.urlpatterns = [path("", include([path("cart/", View.as_view(), name="shop-cart")]))]
    settings.ROOT_URLCONF = urls
    monkeypatch.setattr(names_module, "find_spec", lambda _name: None)
    with pytest.raises(UnusableNameError, match="The site has a page"):
        Names.of(name)


@pytest.mark.parametrize("model", ["note", "No te", "None", "A.B", 41 * "A"])
def test_an_unusable_model_is_refused(model: str) -> None:
    with pytest.raises(UnusableNameError, match="not a name of a model"):
        Names.of("notes", model)


def test_an_element_is_added_to_the_list_alone() -> None:
    source = (
        'OTHERS = [\n    "a",\n]\nAPPS: list[str] = [\n    "a",\n    *(["b"] if True else []),\n]\nAPPS.append("c")\n'
    )
    added = source.replace("else []),\n", 'else []),\n    "notes",\n')
    assert with_element(source, "APPS", '"notes"') == added


@pytest.mark.parametrize(
    ("source", "added"),
    [
        (
            'APPS = [\n    "größe"  # the last, so far\n]\n',
            'APPS = [\n    "größe",  # the last, so far\n    "notes",\n]\n',
        ),
        ('APPS = [\n\t"a",\n\tother()\n]\n', 'APPS = [\n\t"a",\n\tother(),\n\t"notes",\n]\n'),
        ('A = "\x0c\x85"\nAPPS = [\n  "a",\n]\n', 'A = "\x0c\x85"\nAPPS = [\n  "a",\n  "notes",\n]\n'),
    ],
)
def test_an_element_is_added_to_lists_of_other_styles(source: str, added: str) -> None:
    assert with_element(source, "APPS", '"notes"') == added


@pytest.mark.parametrize("source", ["", "APPS = []\n", 'APPS = ["a"]\n', "APPS = other()\n", 'APPS = ("a",)\n'])
def test_without_a_list_there_is_no_place(source: str) -> None:
    with pytest.raises(NoPlaceError):
        with_element(source, "APPS", '"notes"')


def test_a_header_without_documents_has_no_place_for_a_link() -> None:
    with pytest.raises(NoPlaceError):
        with_link("<nav></nav>\n", "<li></li>")


def test_texts_without_a_known_translation_are_returned() -> None:
    catalog = 'msgid ""\nmsgstr ""\n"Language: fr\\n"\n\nmsgid "name"\nmsgstr ""\n\nmsgid "note"\nmsgstr ""\n'
    written, unknown = translated(catalog, "fr")
    assert 'msgid "name"\nmsgstr "nom"' in written
    assert 'msgid "note"\nmsgstr "note"' in written
    assert unknown == ["note"]
    assert translated(catalog, "de")[1] == ["name", "note"]


def test_texts_that_wait_for_their_translation_still_wait() -> None:
    before = 'msgid ""\nmsgstr ""\n"Language: de\\n"\n\nmsgid "Our price"\nmsgstr ""\n'
    new = '\nmsgid "note"\nmsgstr ""\n'
    written, unknown = translated(before + new, "de", before=before)
    assert written == before + '\nmsgid "note"\nmsgstr "note"\n'
    assert unknown == ["note"]


def test_a_partly_translated_catalog_keeps_its_entries(web: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "check", lambda *_: None)
    (web / "shop.py").write_text('from django.utils.translation import gettext as _\n_("Our price")\n')
    german = web / "locale/de/LC_MESSAGES/django.po"
    german.parent.mkdir(parents=True)
    german.write_text('msgid ""\nmsgstr ""\n"Language: de\\n"\n\nmsgid "Our price"\nmsgstr ""\n')
    call_command("add_app", "notes", stdout=StringIO())
    assert 'msgid "Our price"\nmsgstr ""\n' in german.read_text()
    assert 'msgid "notes"\nmsgstr "notes"\n' in german.read_text()


@pytest.fixture
def web(tmp_path: Path, settings: Settings) -> Path:
    """Return a copy of the project's files that the command changes."""
    real = settings.BASE_DIRECTORY
    names = ("config/settings.py", "config/urls.py", "templates/header.html")
    catalogs = (str(file.relative_to(real)) for file in real.glob("locale/*/LC_MESSAGES/django.*"))
    for name in (*names, *catalogs):
        copy = tmp_path / "web" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((real / name).read_bytes())
    settings.BASE_DIRECTORY = tmp_path / "web"
    settings.LOCALE_PATHS = [tmp_path / "web/locale"]
    return tmp_path / "web"


def contents(folder: Path) -> dict[str, bytes]:
    """Return the contents of all files."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("fault", ["start", "interrupt", "stop", "disk"])
def test_a_failure_leaves_the_project_as_it_was(web: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """The folder has no `manage.py`, so the project does not start: this is the first fault."""
    before = contents(web)
    expected: type[BaseException] = CommandError
    if fault == "interrupt":

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(writing, "check", interrupted)
        expected = KeyboardInterrupt
    elif fault == "stop":

        def stopped(*_: object) -> None:
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
            os.kill(os.getpid(), signal.SIGTERM)

        monkeypatch.setattr(writing, "check", stopped)
        expected = SystemExit
    elif fault == "disk":

        def full(*_: object) -> dict[str, list[str]]:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(writing, "translate", full)
    with pytest.raises(expected):
        call_command("add_app", "notes")
    assert contents(web) == before
    assert not (web / "notes").exists()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_line_ends_permissions_and_links_of_changed_files_remain(web: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "check", lambda *_: None)
    changed = [web / name for name in ("config/settings.py", "config/urls.py", "locale/fr/LC_MESSAGES/django.po")]
    for file in changed:
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
        file.chmod(0o640)
    real = web / "real_urls.py"
    changed[1].rename(real)
    changed[1].symlink_to(real)
    before = [file.read_bytes().split(b"\r\n") for file in changed]
    call_command("add_app", "notes", stdout=StringIO())
    after = [file.read_bytes().split(b"\r\n") for file in changed]
    assert [b"\n" in b"".join(lines) for lines in after] == [False, False, False]
    assert [len(lines) - len(old) for lines, old in zip(after, before, strict=True)][:2] == [1, 1]
    assert [file.stat().st_mode & 0o777 for file in changed] == [0o640, 0o640, 0o640]
    assert changed[1].is_symlink()
    assert b"notes.urls" in real.read_bytes()


def test_existing_folders_and_odd_lists_are_left_alone(web: Path) -> None:
    (web / "templates/notes").mkdir()
    with pytest.raises(CommandError, match=r"templates/notes exists\.\nNothing was changed"):
        call_command("add_app", "notes")
    (web / "templates/notes").rmdir()
    (web / "config/urls.py").write_text("urlpatterns = other()\n")
    with pytest.raises(CommandError, match=r"urls\.py has no list urlpatterns"):
        call_command("add_app", "notes")
    assert not (web / "notes").exists()


def test_what_was_written_is_listed(web: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "check", lambda *_: None)
    (web / "templates/header.html").write_text("<nav></nav>\n")
    said = StringIO()
    call_command("add_app", "notes", stdout=said)
    lines = said.getvalue().splitlines()
    assert "  Created web/notes/migrations/0001_initial.py" in lines
    assert "  Changed web/config/settings.py" in lines
    assert "Link to it where people look for it: {% url 'notes' %}" in lines
    assert lines[-2:] == [
        'To translate in web/locale/fr/LC_MESSAGES/django.po: "note", "notes", "Notes"',
        "Now migrate the database: the page is at /notes/.",
    ]
