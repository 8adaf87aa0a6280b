"""Links that a compromised service plants among the uploads, while commands with more rights work there.

Another process swaps folders and files of uploads for links, and back, as fast as it can. It may write what the
application may: the uploads, and the folder of restores among them.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest
from bedplate.backup.commands.restore import restore
from bedplate.backup.errors import BackupError
from bedplate.backup.media_paths import RESTORES
from bedplate.backup.stores.folder import FolderStore
from project import Project

RUNS: Final = 40
"""Of each step, each with other random numbers."""
SECRET: Final = b"BEGIN PRIVATE KEY"
NAMES: Final = [f"{number}.txt" for number in range(8)]
FOLDERS: Final = ["public", "private/1", "private/1/inner"]
ATTACKER: Final = """
import os, random, sys
root, elsewhere, seed = sys.argv[1:]
random.seed(seed)
aside = root + "-aside"  # on the same disk, where the attacker may write too

def swap(path):
    try:
        if os.path.islink(path):
            os.unlink(path)
            os.rename(aside, path)
        else:
            os.rename(path, aside)
            os.symlink(elsewhere if os.path.isdir(aside) else elsewhere + "/" + os.path.basename(path), path)
    except OSError:
        pass
print("ready", flush=True)
while True:
    restores = os.path.join(root, ".backup_system")
    found = [root + "/" + name for name in FOLDERS] + [root + "/" + FOLDERS[0] + "/" + name for name in NAMES]
    for folder, folders, _files in os.walk(restores):
        found += [os.path.join(folder, name) for name in folders]
    path = random.choice(found)
    swap(path)
    for _ in range(random.randrange(2000)):
        pass
    swap(path)
"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return a folder outside of the uploads, with files of the same names as theirs."""
    folder = tmp_path / "elsewhere"
    for inside in (folder, *(folder / name for name in ("inner", "1", "1/inner", "media", "public", "private"))):
        inside.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            (inside / name).write_bytes(SECRET)
    return folder


@contextmanager
def attacked(root: Path, elsewhere: Path, seed: int) -> Iterator[None]:
    """Swap uploads for links to `elsewhere`, and back, until the end."""
    script = f"FOLDERS, NAMES = {FOLDERS}, {NAMES}\n{ATTACKER}"
    command = [sys.executable, "-c", script, str(root), str(elsewhere), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as attacker:
        try:
            assert attacker.stdout
            assert attacker.stdout.readline() == b"ready\n"
            yield
        finally:
            attacker.kill()


def plant(project: Project) -> None:
    """Create the uploads, and let the folder of restores be among them, as on a server."""
    for path in project.media.parent.glob("uploads*"):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (project.media / RESTORES).mkdir()
    for folder in FOLDERS:
        (project.media / folder).mkdir(parents=True)
        for name in NAMES:
            (project.media / folder / name).write_bytes(os.urandom(20))


def snapshot(folder: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Return what shows that anything was written."""
    return {
        str(path): (found.st_mode, found.st_mtime_ns, found.st_ino, b"" if path.is_dir() else path.read_bytes())
        for path in (folder, *folder.rglob("*"))
        if (found := path.lstat())
    }


def exported(project: Project) -> None:
    assert not [name for name, data in project.export("media", anonymized=False).items() if SECRET in data]


STEPS: Final[dict[str, Callable[[Project], object]]] = {
    "back up": Project.back_up,
    "verify": Project.verify,
    "export": exported,
    "restore": Project.restore,
    "undo": Project.undo,
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.usefixtures("without_django")
def test_no_byte_is_read_or_written_through_a_link(
    embedded: Project, folder_store: FolderStore, elsewhere: Path, step: str
) -> None:
    before = snapshot(elsewhere)
    for seed in range(RUNS):
        plant(embedded)
        embedded.back_up()
        if step == "undo":
            restore(embedded.session, "latest", forget_set_aside=True)
        with attacked(embedded.configuration.media, elsewhere, seed), suppress(BackupError, OSError):
            STEPS[step](embedded)
        assert snapshot(elsewhere) == before, seed
        stored = [path for path in folder_store.root.rglob("*") if path.is_file()]
        assert not [path for path in stored if SECRET in path.read_bytes()], seed
