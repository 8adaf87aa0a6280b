"""Writes the files of a new app, and adds it to those of the project: all of it, or nothing."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from string import Template
from typing import Final

from django.core.management import call_command

from bedplate.django.development import compiled
from bedplate.django.development.new_app.edits import NoPlaceError, with_element, with_link
from bedplate.django.development.new_app.names import Names, address
from bedplate.django.development.new_app.translations import translated

TEMPLATE: Final = Path(__file__).with_name("template")


class NotAddedError(Exception):
    """The app could not be added; nothing was changed."""


def files(names: Names, web: Path) -> dict[Path, str]:
    """Return the new files with their contents."""
    words = {
        "name": names.name,
        "model": names.model,
        "prefix": names.name.title().replace("_", ""),
        "singular": names.singular,
        "plural": names.plural,
        "title": names.plural.capitalize(),
        "label": names.singular.capitalize(),
        "url": address(names.name),
        "address": address(names.name),
    }
    folders = {TEMPLATE / "app": web / names.name, TEMPLATE / "templates": web / "templates" / names.name}
    return {
        target / file.relative_to(source).with_name(file.name.removesuffix("-tpl")): Template(
            file.read_text()
        ).substitute(words)
        for source, target in folders.items()
        for file in sorted(source.rglob("*-tpl"))
    }


def edits(names: Names, web: Path) -> dict[Path, str]:
    """Return the changed contents of the project's files. Raise NotAddedError if a list has no place for the app."""
    lists = {
        web / "config/settings.py": ("INSTALLED_APPS", f'"{names.name}"'),
        web / "config/urls.py": ("urlpatterns", f'path("{address(names.name)}/", include("{names.name}.urls"))'),
    }
    changed: dict[Path, str] = {}
    for file, (variable, element) in lists.items():
        try:
            changed[file] = with_element(file.read_text(encoding="utf-8"), variable, element)
        except (OSError, SyntaxError, NoPlaceError):
            raise NotAddedError(f"{file} has no list {variable} with an element in each line.") from None
    return changed


def header_edit(names: Names, web: Path) -> dict[Path, str]:
    """Return the header with a link to the app; nothing if the header has no navigation with documents."""
    file, url, title = web / "templates/header.html", address(names.name), names.plural.capitalize()
    link = f"""<li><a href="{{% url '{url}' %}}"{{% aria_current '{url}' %}}>{{% translate "{title}" %}}</a></li>"""
    try:
        return {file: with_link(file.read_text(encoding="utf-8"), link)}
    except (OSError, NoPlaceError):
        return {}


@dataclass(frozen=True, kw_only=True)
class Added:
    """The files that were created and changed, and the texts without a translation, by language."""

    created: list[Path]
    changed: list[Path]
    untranslated: dict[str, list[str]]


def add(names: Names, web: Path) -> Added:
    """Add the app to the project. Raise NotAddedError if that is impossible; then nothing has changed."""
    created, changed = files(names, web), edits(names, web) | header_edit(names, web)
    for folder in (web / names.name, web / "templates" / names.name):
        if folder.exists() or folder.is_symlink():
            raise NotAddedError(f"{folder} exists.")
    with all_or_nothing(folders=[web / names.name, web / "templates" / names.name], kept=[*changed, *catalogs(web)]):
        for file, content in {**created, **changed}.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            compiled.replace_text(file, content)
        untranslated = translate(web)
        check(names, web)
    return Added(created=[*created], changed=[*changed], untranslated=untranslated)


@contextmanager
def all_or_nothing(*, folders: list[Path], kept: list[Path]) -> Iterator[None]:
    """Remove the folders and restore the files if the block fails or is interrupted."""
    before = {file: file.read_bytes() for file in kept if file.is_file()}
    handlers = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except BaseException as error:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        for file, content in before.items():
            if file.read_bytes() != content:
                compiled.replace(file, content)
        if isinstance(error, OSError):
            raise NotAddedError(f"A file cannot be written: {error}") from error
        raise
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def end(number: int, _frame: object) -> None:
    """End the process with the status of a signal: its container is stopped, or its terminal closed."""
    raise SystemExit(128 + number)


def catalogs(web: Path) -> list[Path]:
    """Return the project's catalogs of translations, and the compiled ones."""
    return sorted([*web.glob("locale/*/LC_MESSAGES/django.po"), *web.glob("locale/*/LC_MESSAGES/django.mo")])


def translate(web: Path) -> dict[str, list[str]]:
    """Add the texts to the catalogs, with translations as far as they are known. Return the others by language."""
    before = {file: file.read_text(encoding="utf-8") for file in web.glob("locale/*/LC_MESSAGES/django.po")}
    call_command("makemessages", stdout=StringIO())
    unknown = {}
    for file, old in before.items():
        language = file.parts[-3]
        written, unknown[language] = translated(file.read_text(encoding="utf-8"), language, before=old)
        compiled.replace_text(file, written)
    call_command("compilemessages", stdout=StringIO())
    return {language: texts for language, texts in unknown.items() if texts}


def check(names: Names, web: Path) -> None:
    """Raise NotAddedError with Django's message if the project does not start with the app, or lacks a migration."""
    command = [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run", names.name]
    result = subprocess.run(command, cwd=web, capture_output=True, text=True, check=False)
    if result.returncode:
        last = (result.stderr or result.stdout).strip().splitlines()[-5:]
        raise NotAddedError("\n".join(["The project does not start with the app:", *last]))
