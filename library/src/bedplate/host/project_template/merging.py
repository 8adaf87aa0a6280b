"""Merge a newer base project into a project, as git merges branches, without touching the project's files.

The base project's last merged version is the common ancestor; the project and the newer base project are the two sides.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.host.project_template import locks
from bedplate.host.project_template.git import Repository
from bedplate.host.project_template.teams_changes import (
    LIBRARY,
    Moved,
    differences,
    in_library,
    moved,
    not_to_merge,
    with_files_of,
)

# The names beside the conflict markers. Git uses names of references; these are removed again.
YOURS: Final = "YOURS"
BASE_PROJECT: Final = "BASE_PROJECT"

# A file that the team added to a folder that the base project has moved stays in place.
STAYS_IN_ITS_FOLDER: Final = ("-c", "merge.directoryRenames=false")

# A file in a conflict has one version per stage (git's term).
ANCESTOR: Final = 1
OURS: Final = 2
THEIRS: Final = 3


@dataclass(frozen=True)
class Conflict:
    """A file that git could not merge, and its versions: mode and object by stage."""

    path: str
    versions: Mapping[int, str]

    @property
    def deleted_here(self) -> bool:
        """The project removed what the base project changed: it stays removed."""
        return ANCESTOR in self.versions and OURS not in self.versions and not self.comes_back

    @property
    def comes_back(self) -> bool:
        """The project removed what the base project moved into its library, where nothing may be missing."""
        return ANCESTOR in self.versions and OURS not in self.versions and self.path.startswith(f"{LIBRARY}/")

    @property
    def deleted_there(self) -> bool:
        """The base project removed what the project changed: it stays."""
        return ANCESTOR in self.versions and THEIRS not in self.versions

    @property
    def is_marked(self) -> bool:
        """The file has conflict markers to resolve."""
        return not self.deleted_here and not self.deleted_there and not self.comes_back


@dataclass(frozen=True)
class Merge:
    """The project's files after the merge, and files that need attention."""

    tree: str
    changes: tuple[tuple[str, str], ...]  # (A, M, D, …; path), against the project as it is
    conflicts: tuple[Conflict, ...]
    in_library: tuple[tuple[str, str], ...]  # (A, M, D; path), what the team did there
    moved: tuple[Moved, ...]
    locks: tuple[str, ...]  # to be compiled again


def merge(project: Repository, *, old: Path, new: Path, work: Path) -> Merge:
    """Return the merge of HEAD and the folder `new`; both come from the folder `old`. `work` is an empty folder.

    In the library, files that the team removed are restored. Lock files that both changed are the base project's.
    """
    ancestor = project.commit_tree(project.tree_of(old, index=work / "old"))
    theirs = project.commit_tree(project.tree_of(new, index=work / "new"), ancestor)
    compiled = tuple(locks.of_both(project, ancestor=ancestor, ours="HEAD", theirs=theirs))
    as_they_came = [*not_to_merge(project, ancestor=ancestor, ours="HEAD"), *compiled]
    ours_tree = with_files_of(project, "HEAD", as_they_came, source=ancestor, index=work / "ours")
    ours = project.commit_tree(ours_tree, ancestor)
    sides = {YOURS: ours, BASE_PROJECT: theirs}
    try:
        for name, commit in sides.items():
            project.run("update-ref", name, commit)
        how = (*STAYS_IN_ITS_FOLDER, "merge-tree", "--write-tree", "-z", "--no-messages")
        output = project.run(*how, YOURS, BASE_PROJECT, statuses=(0, 1))
    finally:
        for name in sides:
            project.run("update-ref", "-d", name)
    tree, *lines = output.split("\0")
    conflicts = tuple(conflicts_in(lines))
    tree = without(project, tree, (conflict.path for conflict in conflicts if conflict.deleted_here), work / "merged")
    return Merge(
        tree,
        changes=tuple(differences(project, "HEAD", tree)),
        conflicts=conflicts,
        in_library=tuple(in_library(project, ancestor=ancestor, ours="HEAD", merged=tree)),
        moved=tuple(moved(project, ancestor=ancestor, ours="HEAD", theirs=theirs)),
        locks=compiled,
    )


def conflicts_in(lines: list[str]) -> Iterator[Conflict]:
    """Yield the conflicts in the output of `git merge-tree -z`: lines of mode, object, stage, then the path."""
    versions: dict[str, dict[int, str]] = {}
    for line in filter(None, lines):
        described, _, path = line.partition("\t")
        mode, name, stage = described.split(" ")
        versions.setdefault(path, {})[int(stage)] = f"{mode} {name}"
    for path, found in versions.items():
        yield Conflict(path, found)


def without(project: Repository, tree: str, paths: Iterator[str], index: Path) -> str:
    """Return the tree without these files."""
    beside = Repository(project.folder, {"GIT_INDEX_FILE": str(index)})
    beside.run("read-tree", tree)
    for path in paths:
        beside.run("update-index", "--force-remove", path)
    return beside.run("write-tree").strip()


def apply_merge(project: Repository, merged: Merge) -> None:
    """Write the merge into the project's files and index; files with conflict markers stay unmerged until added."""
    project.run("read-tree", "-m", "-u", "HEAD", merged.tree)
    for conflict in merged.conflicts:
        if conflict.is_marked:
            project.run("update-index", "--force-remove", conflict.path)
            for stage, version in conflict.versions.items():
                mode, name = version.split(" ")
                project.run("update-index", "--index-info", given=f"{mode} {name} {stage}\t{conflict.path}\n")
