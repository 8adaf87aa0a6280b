"""Lock files: if both sides changed one, the base project's is taken, and compiled again from the merged source."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from bedplate.host.project_template.git import Repository
from bedplate.host.project_template.teams_changes import differences


@dataclass(frozen=True)
class Lock:
    """Lock files, their source, and the command that compiles them."""

    pattern: str
    source: str
    program: str
    folder: str
    command: Sequence[str]

    def __str__(self) -> str:
        """Return the command to type in the project."""
        return f"(cd {self.folder} && {' '.join(self.command)})"


LOCKS: Final = (
    Lock("web/requirements*.txt", "web/pyproject.toml", "uv", "web", ("./lock.sh",)),
    Lock(
        "web/frontend/package-lock.json",
        "web/frontend/package.json",
        "npm",
        "web/frontend",
        ("npm", "install", "--package-lock-only", "--no-audit", "--no-fund"),
    ),
)


def of_both(project: Repository, *, ancestor: str, ours: str, theirs: str) -> Iterator[str]:
    """Yield the lock files that both sides changed."""
    changed = [{path for kind, path in differences(project, ancestor, side) if kind == "M"} for side in (ours, theirs)]
    for path in sorted(set.intersection(*changed)):
        if any(fnmatch(path, lock.pattern) for lock in LOCKS):
            yield path


def compile_again(project: Repository, paths: Sequence[str], *, undecided: Sequence[str]) -> Iterator[str]:
    """Compile these lock files and add them to the index. Yield each command that is left to the user, with the reason.

    `undecided` are files with conflict markers, which cannot be compiled.
    """
    for lock in LOCKS:
        if not any(fnmatch(path, lock.pattern) for path in paths):
            continue
        if why := _obstacle(lock, undecided) or _failure(lock, project.folder):
            project.run("checkout", "--", lock.pattern)  # a compiler that failed may have begun to write
            yield f"{lock}   # {why}"
        else:
            project.run("add", "--", lock.pattern)


def _obstacle(lock: Lock, undecided: Sequence[str]) -> str | None:
    if lock.source in undecided:
        return f"when {lock.source} is resolved"
    return None if shutil.which(lock.program) else f"{lock.program} is not installed here"


def _failure(lock: Lock, root: Path) -> str | None:
    folder = root / lock.folder
    try:
        result = subprocess.run(
            lock.command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError as error:  # the team removed web/lock.sh, say
        return str(error)
    last = (result.stderr.strip() or result.stdout.strip() or "it failed").splitlines()[-1]
    return None if result.returncode == 0 else last
