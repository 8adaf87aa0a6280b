"""The words of code and pages: plain ones, in American spelling."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
from base_project import git
from bedplate.testing.checkout import ROOT

MOST: Final = 20
TEXTS: Final = re.compile(r"(py|sh|envsh|md|html|txt|yml|toml|ini|ts|tsx|js|conf|template|jinja|py-tpl)")
# Decisions stay as they were written, the list of licenses quotes packages, and this file has the words as patterns.
NOT_READ: Final = ("docs/adr/", "docs/reference/licences.md", "template/tests/test_words.py", "library/LICENSE")
UNCLEAR: Final = re.compile(r"\b([Nn]obody|[Ss]omebody|(?<!there )(is|are) none|[Aa]new|[Ww]hoever|[Ss]o many)\b")
CLAUSE: Final = re.compile(r"(What|Who|Whoever|Those that|That which)\b")
BRITISH: Final = re.compile(
    # Whole words of prose: not a path, an option, an attribute or a variable that is assigned.
    r"(?<![\w/.$-])(licen(?:ce|ces|ced|cing)|colour\w*|behaviour\w*|catalogue\w*|neighbour\w*|favour\w*|honour\w*|"
    r"(?:un|re|de)?(?:organ|recogn|initial|normal|serial|author|optim|custom|summar|synchron|minim|maxim)is(?:e|es|ed|ing|ation\w*|er)\b)"
    r"(?![\w/-]|[.=(]\S|:)",
    re.IGNORECASE,
)
CODE: Final = re.compile(r"```.*?```|`[^`\n]*`|\{[{%].*?[}%]\}|\S+://\S+|\]\([^)]*\)", re.DOTALL)


def sources() -> Iterator[Path]:
    """Yield the tracked text files that are read."""
    for name in git(ROOT, "ls-files", "-z").split("\0"):
        path = Path(name)
        is_text = not path.suffix or TEXTS.fullmatch(path.suffix.removeprefix("."))
        if name and is_text and not name.startswith(NOT_READ) and (ROOT / name).is_file():
            yield path


def text_of(path: Path) -> str:
    """Return the text of a file; of the changelog, only the next release's."""
    text = (ROOT / path).read_text(errors="replace")
    return re.split(r"^## \[\d", text, maxsplit=1, flags=re.MULTILINE)[0] if path.name == "CHANGELOG.md" else text


def prose_of(path: Path, text: str) -> str:
    """Return comments and sentences of Python code, the other lines empty; of other files all except quoted code."""
    if path.suffix != ".py":
        return CODE.sub(lambda code: "\n" * code[0].count("\n"), text)
    lines = [""] * (text.count("\n") + 2)
    kinds = {tokenize.COMMENT, tokenize.STRING, tokenize.FSTRING_MIDDLE}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in kinds and " " in token.string:
            for number, line in enumerate(CODE.sub("", token.string).splitlines(), token.start[0]):
                lines[number] += f" {line}"
    return "\n".join(lines[1:])


def found(pattern: re.Pattern[str], *, only_prose: bool = False) -> list[str]:
    """Return the lines that match, each with its place."""
    places = []
    for path in sources():
        text = prose_of(path, text_of(path)) if only_prose else text_of(path)
        for number, line in enumerate(text.splitlines(), 1):
            places += [f"{path}:{number}: {line.strip()[:140]}" for _ in pattern.finditer(line)]
    return places


def docstrings(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each docstring, those of variables included."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if (first := ast.get_docstring(node)) is not None:
                yield node.body[0].lineno, first
            for before, after in pairwise(node.body):
                match before, after:
                    case ast.AnnAssign() | ast.Assign(), ast.Expr(value=ast.Constant(value=str() as described)):
                        yield after.lineno, described


def test_few_unclear_words() -> None:
    """Sentences name who acts, or use the passive; see docs/CONTRIBUTING.md."""
    places = found(UNCLEAR)
    assert len(places) <= MOST, "\n".join(places)


def test_docstrings_do_not_begin_with_a_clause() -> None:
    """A docstring begins with a verb or a noun: "Return the file", "The file", not "What is in the file"."""
    python = [path for path in sources() if path.suffix == ".py"]
    assert python
    places = [
        f"{path}:{number}: {text.splitlines()[0][:140]}"
        for path in python
        for number, text in docstrings(text_of(path))
        if CLAUSE.match(text)
    ]
    assert len(places) <= MOST, "\n".join(places)


def test_american_spelling() -> None:
    """As Django's: names that projects use (`anonymise`, `licence`) stay as they are."""
    places = found(BRITISH, only_prose=True)
    assert not places, "\n".join(places)


@pytest.mark.parametrize("word", ["nobody", "Somebody", "they are none", "anew", "Whoever", "so many"])
def test_unclear_words_are_found(word: str) -> None:
    assert UNCLEAR.search(f"Text, {word}.")


@pytest.mark.parametrize(
    ("text", "is_british"),
    [
        ("# The licence.", True),
        ("# Its behaviour, and colours", True),
        ("# It is recognised, and serialises", True),
        ('licence = "none"', False),
        ("# See docs/reference/licences.md, `licence`, --licence.", False),
        ("# An analysis, promised", False),
    ],
)
def test_british_words_are_found_in_prose(text: str, *, is_british: bool) -> None:
    assert bool(BRITISH.search(prose_of(Path("code.py"), f"{text}\n"))) == is_british


def test_docstrings_of_all_kinds_are_read() -> None:
    method = '    def f(self):\n        """Those."""\n'
    text = f'"""Module."""\nNAME = 1\n"""What it is."""\n\nclass C:\n    """Who."""\n\n{method}'
    assert sorted(docstrings(text)) == [(1, "Module."), (3, "What it is."), (6, "Who."), (9, "Those.")]
