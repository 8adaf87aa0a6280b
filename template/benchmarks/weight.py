#!/usr/bin/env python3
"""Weighs a new project: the files that a team owns in it, and whether the library is the base project's.

Run it with the tests' Python: .venv/bin/python template/benchmarks/weight.py [PROJECT]
Without a project, it makes one from this checkout. A binary file counts no lines.
"""

import argparse
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))  # the tests make projects, too
from base_project import clone
from bedplate.host.project_template.rendering import Renderer
from bedplate.testing.checkout import ROOT

LOCKS: Final = ("*requirements*.txt", "*package-lock.json")
TESTS: Final = ("*tests/*", "*test_*.py", "*conftest.py", "*.test.ts", "*.test.tsx")
NOT_COMPARED: Final = ("library/tests/*", "library/*.ini", "library/SHA256SUMS")
"""Files of the library that copier.yml excludes, and the hashes of the rest, which are made with the project."""


@dataclass(frozen=True)
class File:
    """A file that git knows: its path in the project, and its lines."""

    path: str
    lines: int

    def is_any(self, patterns: tuple[str, ...]) -> bool:
        """Return whether the path is one of these; `*` matches `/` too."""
        return any(fnmatch(self.path, pattern) for pattern in patterns)


def git(folder: Path, *arguments: str) -> str:
    """Return what git prints."""
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def files_of(folder: Path) -> list[File]:
    """Return the committed files of a repository."""
    empty = git(folder, "hash-object", "-t", "tree", "/dev/null").strip()
    rows = [row.split("\t", 2) for row in git(folder, "diff", "--numstat", "-z", empty, "HEAD").split("\0") if row]
    return [File(path, 0 if added == "-" else int(added)) for added, _removed, path in rows]


def library_of(folder: Path) -> dict[str, str]:
    """Return the hash of each library file that a project gets."""
    rows = [row.split("\t") for row in git(folder, "ls-tree", "-r", "-z", "HEAD", "library").split("\0") if row]
    return {path: hashed for hashed, path in rows if not File(path, 0).is_any(NOT_COMPARED)}


def weigh(project: Path, base: Path) -> list[tuple[str, int | str, str]]:
    """Return the counts, as rows of name, reading and target."""
    files = files_of(project)
    own = [file for file in files if not file.path.startswith("library/")]
    written = [file for file in own if not file.is_any(LOCKS)]
    tests = [file for file in written if file.is_any(TESTS)]
    return [
        ("files that a team owns", len(own), "≤ 200"),
        ("their lines, locks aside", sum(file.lines for file in written), "≤ 9,000"),
        ("of which tests", sum(file.lines for file in tests), "≤ 3,000"),
        ("files of library/", len(files) - len(own), "≤ 190"),
        ("library/ is the base project's", "yes" if library_of(project) == library_of(base) else "NO", "yes"),
    ]


def folders(project: Path) -> dict[str, int]:
    """Return the number of a team's files in each entry of the project's root, most first."""
    parts = [file.path.partition("/") for file in files_of(project)]
    counts = Counter(f"{entry}/" if slash else "in the root" for entry, slash, _rest in parts if entry != "library")
    return dict(counts.most_common())


def make(work: Path) -> tuple[Path, Path]:
    """Return a new project, and the base project of it."""
    Renderer(ROOT / ".venv-template").prepare()  # the base project shares it
    base = clone(work / "base")
    return base.make(work / "shop", name="Shop").folder, base.folder


def main() -> None:
    """Print the table, and where the files are."""
    parser = argparse.ArgumentParser(description="Weighs a new project: the files that a team owns.")
    parser.add_argument("project", type=Path, nargs="?", help="a project to weigh; else a new one is made")
    chosen: Path | None = parser.parse_args().project
    with TemporaryDirectory() as work:
        project, base = (chosen, ROOT) if chosen else make(Path(work))
        rows = [f"| {name} | {reading} | {target} |" for name, reading, target in weigh(project, base)]
        places = ", ".join(f"{name} {count}" for name, count in folders(project).items())
    sys.stdout.write("\n".join(["| what | reading | target |", "|---|---|---|", *rows, "", f"Files: {places}", ""]))


if __name__ == "__main__":
    main()
