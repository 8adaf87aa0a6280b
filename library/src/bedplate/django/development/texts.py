"""Finds the texts that Python files and templates mark for translation, without gettext."""

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from django.apps import apps
from django.utils.translation.template import templatize

# gettext's functions, with the positions of the context, the text and the plural.
MARKERS: Final = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), (None, 0, None)),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (None, 0, 1)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), (0, 1, None)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), (0, 1, 2)),
}
LITERAL: Final = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
# `templatize` converts a template to calls of these functions, among other characters.
CALL: Final = re.compile(rf"\b(_|n?p?gettext)\(\s*({LITERAL}(?:\s*,\s*{LITERAL}){{0,2}})")
NOT_SOURCES: Final = frozenset(
    {"frontend", "locale", "migrations", "node_modules", "static", "staticfiles", "tests", "__pycache__"}
)


@dataclass(frozen=True, order=True)
class Text:
    """A marked text, the key of its translation."""

    singular: str
    context: str = ""
    plural: str = ""


@dataclass
class _Found:
    plural: str = ""
    files: list[str] = field(default_factory=list)


def texts(*sources: Path, without: Collection[str] = ()) -> dict[Text, list[str]]:
    """Return every marked text in the folders, with its files, in their order.

    `without` has names of folders to skip, in addition to NOT_SOURCES.
    """
    found: dict[tuple[str, str], _Found] = {}
    for folder in sources:
        for path in _files(folder, NOT_SOURCES | set(without)):
            for text in _texts_of_file(path):
                entry = found.setdefault((text.singular, text.context), _Found())
                entry.plural = entry.plural or text.plural
                name = path.relative_to(folder).as_posix()
                if name not in entry.files:
                    entry.files.append(name)
    return {Text(singular, context, entry.plural): entry.files for (singular, context), entry in found.items()}


def sources(project: Path, language: str) -> list[Path]:
    """Return the folders to translate into a language: the project's, and the library's apps without that language."""
    ours = [Path(config.path) for config in apps.get_app_configs() if config.name.startswith("bedplate.")]
    return [project, *(path for path in ours if not (path / "locale" / language).is_dir())]


def _files(folder: Path, skipped: Collection[str]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if path.name not in skipped and not path.name.startswith("."):
                yield from _files(path, skipped)
        elif path.suffix in {".html", ".py", ".txt"}:
            yield path


def _texts_of_file(path: Path) -> Iterator[Text]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from _texts_of_module(ast.parse(text, str(path)))
    else:
        for name, literals in CALL.findall(templatize(text)):
            yield from _text(name, [ast.literal_eval(literal) for literal in re.findall(LITERAL, literals)])


def _texts_of_module(module: ast.Module) -> Iterator[Text]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            yield from _text(name, [item.value if isinstance(item, ast.Constant) else None for item in node.args])


def _text(name: str, arguments: list[object]) -> Iterator[Text]:
    def argument(position: int | None) -> str:
        value = arguments[position] if position is not None and position < len(arguments) else ""
        return value if isinstance(value, str) else ""

    context, singular, plural = MARKERS.get(name, (None, None, None))
    if argument(singular):
        yield Text(argument(singular), argument(context), argument(plural))
