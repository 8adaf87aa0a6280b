"""Clones of this checkout to make projects from, and those projects, as a team's."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.testing.checkout import ROOT, copy_checkout

GIT_IDENTITY: Final = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Tester"), ("EMAIL", "tester@example.com"))
}


def run(*command: str | Path, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Return the ended command, with its output. It has no terminal."""
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **GIT_IDENTITY, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=1800,  # the longest: the stack tests of a project
    )


def git(folder: Path, *arguments: str | Path) -> str:
    """Return git's output. Raise CalledProcessError when it fails."""
    result = run("git", *arguments, folder=folder)
    result.check_returncode()
    return result.stdout


@dataclass(frozen=True)
class BaseProject:
    """A clone of the base project, as people have it."""

    folder: Path

    def new_project(self, *options: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `./bedplate new`, or its name before 1.2."""
        command = ("bedplate", "new") if (self.folder / "bedplate").exists() else ("new_project.sh",)
        return run(self.folder / command[0], *command[1:], *options, folder=self.folder, **variables)

    def make(self, directory: Path, *options: str, name: str = "Acme") -> "MadeProject":
        """Return a new project. Fail when it cannot be made."""
        result = self.new_project(directory, "--yes", "--name", name, *options)
        assert result.returncode == 0, result.stderr
        return MadeProject(directory)

    def make_as_of(self, commit: str, folder: Path) -> "MadeProject":
        """Return a project made by an older version; beside it, in the folder, is the clone of that version."""
        old = BaseProject(folder / "old")
        git(folder, "clone", "--quiet", self.folder, old.folder)
        git(old.folder, "checkout", "--quiet", commit)
        share_environment(ROOT / ".venv-template", old.folder)
        project = old.make(folder / "shop", name="Shop")
        share_environment(ROOT / ".venv-template", project.folder)
        return project

    def commit(self, message: str) -> str:
        """Commit all changes; return the commit."""
        return commit_all(self.folder, message)


@dataclass(frozen=True)
class MadeProject:
    """A project that was made from the base project."""

    folder: Path

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command in the project."""
        return run(*command, folder=self.folder)

    def update(self, *options: str | Path) -> subprocess.CompletedProcess[str]:
        """Run `./bedplate update`, or its name before 1.2."""
        command = ("./bedplate", "update") if (self.folder / "bedplate").exists() else ("./update_project.sh",)
        return self.run(*command, *options)

    def test_fast(self) -> subprocess.CompletedProcess[str]:
        """Run `./run_tests.sh fast`, with the tools that are installed here."""
        self._share_tools()
        return self.run("./run_tests.sh", "fast")

    def test_stack(self) -> subprocess.CompletedProcess[str]:
        """Run `./run_tests.sh stack`, with the tools that are installed here."""
        self._share_tools()
        return self.run("./run_tests.sh", "stack")

    def _share_tools(self) -> None:
        """Let the project use the tools of this checkout: fetching them again would take minutes."""
        for name in (".venv", "web/frontend/node_modules"):
            if (self.folder / name).parent.is_dir():
                (self.folder / name).symlink_to(ROOT / name)

    def commit(self, message: str) -> str:
        """Commit all changes; return the commit."""
        return commit_all(self.folder, message)

    def files(self) -> list[Path]:
        """Return the files that git knows, as paths in the project."""
        return [Path(name) for name in git(self.folder, "ls-files", "-z").split("\0") if name]


def commit_all(folder: Path, message: str) -> str:
    """Commit all changes; return the commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD").strip()


def clone(folder: Path) -> BaseProject:
    """Return a clone of this checkout in the new folder, with uncommitted changes as a last commit.

    It has no origin: its own folder is the address that projects remember. Its history is complete.
    """
    git(ROOT, "clone", "--quiet", "--no-hardlinks", ROOT, folder)
    git(folder, "remote", "remove", "origin")
    for name in git(folder, "ls-files", "-z").split("\0"):
        if name and not (ROOT / name).exists():
            (folder / name).unlink()
    copy_checkout(folder)
    base = BaseProject(folder)
    base.commit("What is being worked on")
    share_environment(ROOT / ".venv-template", folder)
    return base


def share_environment(environment: Path, folder: Path) -> None:
    """Let the checkout in `folder` use an existing environment: tests need not install it again."""
    (folder / environment.name).symlink_to(environment)
    (folder / ".git/info").mkdir(exist_ok=True)
    with (folder / ".git/info/exclude").open("a") as ignored:  # .gitignore names folders, not links
        ignored.write(f"{environment.name}\n")
