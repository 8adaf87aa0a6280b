"""The committed code."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from bedplate.host.errors import AbortError

NO_SIZE: Final = "-"  # of a submodule, in what git ls-tree prints


@dataclass(frozen=True)
class Code:
    """The files of a commit in a folder, which may be part of a larger repository."""

    folder: Path
    commit: str
    date: str
    subject: str
    prefix: str = ""
    """The path of a submodule, with a slash at its end."""

    @classmethod
    def read(cls, folder: Path) -> "Code":
        """Return the current commit. Raise AbortError if there is none."""
        try:
            commit, date, subject = _git(folder, "log", "-1", "--format=%H%n%cs%n%s").splitlines()
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", "") or str(error)
            raise AbortError(
                f"the code cannot be read from git: {said.strip()}",
                "This folder must be a git checkout with a commit: git init && git add --all && git commit",
            ) from None
        return cls(folder, commit, date, subject)

    def uncommitted(self) -> list[str]:
        """Return git's status line of each uncommitted change."""
        return _git(self.folder, "status", "--porcelain", "--ignore-submodules=none", "--", ".").splitlines()

    def size(self) -> int:
        """Return the size of all files in bytes, including submodules."""
        lines = _git(self.folder, "ls-tree", "-r", "--long", self.commit).splitlines()
        sizes = (size for size in (line.split()[3] for line in lines) if size != NO_SIZE)
        return sum(map(int, sizes)) + sum(submodule.size() for submodule in self.submodules())

    def submodules(self) -> Iterator["Code"]:
        """Yield the submodules, at the commits that this repository names.

        Raise AbortError if one is not checked out.
        """
        for line in filter(None, _git(self.folder, "ls-tree", "-r", "-z", self.commit).split("\0")):
            described, _, path = line.partition("\t")
            _, kind, commit = described.split()
            if kind == "commit":
                folder = self.folder / path
                if not (folder / ".git").exists() or not _has(folder, commit):
                    raise AbortError(
                        f"the submodule {self.prefix}{path} is not here as it is committed, and belongs to the code.",
                        "Fetch it, then run this again: git submodule update --init --recursive",
                    )
                yield Code(folder, commit, self.date, self.subject, f"{self.prefix}{path}/")

    def everything(self) -> Iterator["Code"]:
        """Yield this repository and its submodules, recursively."""
        yield self
        for submodule in self.submodules():
            yield from submodule.everything()

    @contextmanager
    def tar(self) -> Iterator[IO[bytes]]:
        """Yield a stream of a tar of the files, without submodules."""
        command = ["git", "archive", "--format=tar", f"--prefix={self.prefix}", self.commit]
        with subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            yield process.stdout
            while process.stdout.read(2**16):  # what is behind the end mark: without a reader, git fails
                pass
        if process.returncode:
            raise AbortError("git archive failed, as said above.")


def _has(repository: Path, commit: str) -> bool:
    command = ["git", "cat-file", "-e", f"{commit}^{{commit}}"]
    return subprocess.run(command, cwd=repository, check=False, capture_output=True).returncode == 0


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "core.quotePath=false", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
