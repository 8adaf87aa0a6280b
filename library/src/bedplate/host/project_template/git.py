"""Git commands for the base project and for projects."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bedplate.host.errors import AbortError

# The author and committer of temporary commits for a merge.
MERGE_IDENTITY: Final = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "update"), ("EMAIL", "update@localhost"), ("DATE", "2000-01-01T00:00:00Z"))
}


@dataclass(frozen=True)
class Repository:
    """A repository, by the folder of its files."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str | Path, statuses: tuple[int, ...] = (0,), given: str = "") -> str:
        """Return the output of the command with `given` as its input. Raise AbortError for another exit status."""
        command = ["git", *map(str, arguments)]
        environment = {**os.environ, "LC_ALL": "C", **self.variables}
        result = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            errors="surrogateescape",
        )
        if result.returncode not in statuses:
            raise AbortError(f"git {arguments[0]}: {result.stderr.strip() or result.stdout.strip()}")
        return result.stdout

    def succeeds(self, *arguments: str) -> bool:
        """Return whether the command succeeds."""
        command = ["git", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, check=False).returncode == 0

    def commit_of(self, revision: str) -> str | None:
        """Return the commit's full hash, or None if there is no such revision."""
        revision = f"{revision}^{{commit}}"
        arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", revision)
        return self.run(*arguments).strip() if self.succeeds(*arguments) else None

    def export(self, commit: str, folder: Path) -> None:
        """Write the files of a commit into a new folder."""
        folder.mkdir()
        archive = folder.with_suffix(".tar")
        self.run("-c", "core.autocrlf=false", "archive", "--format=tar", f"--output={archive}", commit)
        subprocess.run(["tar", "-xf", archive, "-C", folder], check=True)
        archive.unlink()

    def tree_of(self, folder: Path, *, index: Path) -> str:
        """Return the hash of a tree with all files of `folder`, also ignored ones; `index` is a file to create."""
        beside = Repository(
            folder, {"GIT_DIR": str(self.git_directory), "GIT_WORK_TREE": ".", "GIT_INDEX_FILE": str(index)}
        )
        beside.run("add", "--all", "--force", ".")
        return beside.run("write-tree").strip()

    def commit_tree(self, tree: str, *parents: str) -> str:
        """Return the hash of a commit that is on no branch."""
        named = [argument for parent in parents for argument in ("-p", parent)]
        return Repository(self.folder, MERGE_IDENTITY).run("commit-tree", tree, *named, "-m", "update").strip()

    @property
    def git_directory(self) -> Path:
        """The repository's .git directory."""
        return Path(self.run("rev-parse", "--absolute-git-dir").strip())
