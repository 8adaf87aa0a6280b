"""Checkouts to archive; and archives, unpacked and searched as by their recipients."""

import os
import re
import subprocess
from pathlib import Path
from typing import Final
from zipfile import ZipFile

from bedplate.testing.checkout import copy_checkout

IDENTITY: Final = ("-c", "user.name=Tester", "-c", "user.email=tester@example.com")


class Repository:
    """A git repository in a folder."""

    def __init__(self, folder: Path) -> None:
        """Open the existing repository, or create one."""
        self.folder = folder
        if not (folder / ".git").exists():
            folder.mkdir(exist_ok=True)
            self.git("init", "--quiet")

    def git(self, *arguments: str) -> None:
        """Run git."""
        subprocess.run(["git", *IDENTITY, *arguments], cwd=self.folder, check=True)

    def commit(self) -> None:
        """Commit all files, including ignored ones."""
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--message", "A commit")

    def add_submodule(self, repository: "Repository", name: str) -> None:
        """Commit another repository as a submodule."""
        from_a_folder = ("-c", "protocol.file.allow=always")
        self.git(*from_a_folder, "submodule", "--quiet", "add", str(repository.folder), name)
        self.git(*from_a_folder, "submodule", "--quiet", "update", "--init", "--recursive")
        self.git("commit", "--quiet", "--message", "A submodule")


class Checkout(Repository):
    """A copy of this checkout, committed."""

    def __init__(self, folder: Path) -> None:
        """Copy it, and commit all of it."""
        super().__init__(copy_checkout(folder))
        self.output = folder.parent / "handed over.zip"
        self.commit()

    def create(self, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Return the result of the command; it writes to `output`."""
        return subprocess.run(
            [self.folder / "bedplate", "archive", "--output", self.output, *options],
            cwd=self.folder,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
        )

    def refused(self, *options: str, saying: str, **variables: str) -> None:
        """Fail unless these options are refused for this reason, and nothing is written."""
        result = self.create(*options, **variables)
        assert result.returncode == 1, result.stdout + result.stderr
        assert "Stopped, nothing was changed" in result.stderr
        assert saying in result.stderr, result.stderr
        assert "Traceback" not in result.stderr
        assert not self.output.exists()
        assert self.leftovers() == []

    def leftovers(self) -> list[Path]:
        """Return the leftovers of an unfinished archive."""
        return list(self.output.parent.glob(".*"))


def unpack(archive: Path, folder: Path) -> Path:
    """Return the only folder in the archive, unpacked as by unzip, into a new folder."""
    folder.mkdir()
    with ZipFile(archive) as zip_file:
        for info in zip_file.infolist():
            path = Path(zip_file.extract(info, folder))
            path.chmod(info.external_attr >> 16 & 0o777)  # Python's extract forgets it; unzip does not
    (root,) = folder.iterdir()
    return root


def is_secret(name: str) -> bool:
    """Return whether a variable of this name holds a secret."""
    return bool(re.search("SECRET|PASSWORD|KEY|TOKEN", name))
