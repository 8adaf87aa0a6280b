"""The code as it is committed."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from embedded import RefusalError


@dataclass(frozen=True)
class Code:
    """The files of a commit below a folder, which may be a part of a larger repository."""

    folder: Path
    commit: str
    date: str
    subject: str

    @classmethod
    def read(cls, folder: Path) -> "Code":
        """Return what is committed. Raise RefusalError where nothing is."""
        try:
            commit, date, subject = _git(folder, "log", "-1", "--format=%H%n%cs%n%s").splitlines()
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", "") or str(error)
            raise RefusalError(
                f"the code cannot be read from git: {said.strip()}",
                "This folder must be a git checkout with a commit: git init && git add --all && git commit",
            ) from None
        return cls(folder, commit, date, subject)

    def uncommitted(self) -> list[str]:
        """Return what git status says of each file that is not committed as it is."""
        return _git(self.folder, "status", "--porcelain", "--", ".").splitlines()

    def size(self) -> int:
        """Return the bytes of all files."""
        sizes = (line.split()[3] for line in _git(self.folder, "ls-tree", "-r", "--long", self.commit).splitlines())
        return sum(int(size) for size in sizes if size != "-")  # a submodule has none

    @contextmanager
    def tar(self) -> Iterator[IO[bytes]]:
        """Give a tar of the files, as a stream."""
        command = ["git", "archive", "--format=tar", self.commit]
        with subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            yield process.stdout
        if process.returncode:
            raise RefusalError("git archive failed, as said above.")


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "core.quotePath=false", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
