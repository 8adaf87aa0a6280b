"""A team's changes to the base project's files: in `library/`, and in files that have moved since."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.host import library_hashes
from bedplate.host.project_template.git import Repository
from bedplate.host.project_template.rendering import ANSWERS_FILE

LIBRARY: Final = "library"
HASHES: Final = f"{LIBRARY}/{library_hashes.LIST}"
GENERATED_FILES: Final = (HASHES, ANSWERS_FILE)  # both versions are rendered with the team's answers
RENAMES: Final = ("-c", "diff.renameLimit=7000")  # git's default for merges


@dataclass(frozen=True)
class Moved:
    """A file that the team changed and the base project moved: its old and new path."""

    path: str
    now: str


def differences(project: Repository, old: str, new: str, *paths: str) -> list[tuple[str, str]]:
    """Return (A, M, D, …; path) for each of these files that differs between the trees."""
    fields = project.run("diff-tree", "-r", "-z", "--no-renames", "--name-status", old, new, "--", *paths).split("\0")
    return list(zip(fields[:-1:2], fields[1::2], strict=True))


def not_to_merge(project: Repository, *, ancestor: str, ours: str) -> Iterator[str]:
    """Yield the files of the library that the team removed, and generated files: they are not merged."""
    for kind, path in differences(project, ancestor, ours, LIBRARY, ANSWERS_FILE):
        if kind == "D" or path in GENERATED_FILES:
            yield path


def with_files_of(project: Repository, tree: str, paths: Sequence[str], *, source: str, index: Path) -> str:
    """Return the tree with these files from the tree `source`. `index` is a file to create."""
    beside = Repository(project.folder, {"GIT_INDEX_FILE": str(index)})
    beside.run("read-tree", tree)
    if paths:
        entries = beside.run("ls-tree", "-r", "-z", source, "--", *paths)
        beside.run("update-index", "-z", "--index-info", given=entries)
    return beside.run("write-tree").strip()


def in_library(project: Repository, *, ancestor: str, ours: str, merged: str) -> Iterator[tuple[str, str]]:
    """Yield the team's changes (A, M, D) to files of the library in the merge, including restored files."""
    there = set(project.run("ls-tree", "-r", "-z", "--name-only", merged, "--", LIBRARY).split("\0"))
    for kind, path in differences(project, ancestor, ours, LIBRARY):
        if path in there and path != HASHES:
            yield kind, path


def moved(project: Repository, *, ancestor: str, ours: str, theirs: str) -> Iterator[Moved]:
    """Yield the files that the team changed and the base project moved."""
    changed = {path for kind, path in differences(project, ancestor, ours) if kind == "M"}
    find = ("diff-tree", "-r", "-z", "--find-renames", "--diff-filter=R", "--name-status", ancestor, theirs)
    fields = project.run(*RENAMES, *find).split("\0")[:-1]
    for path, now in zip(fields[1::3], fields[2::3], strict=True):
        if path in changed:
            yield Moved(path, now)
