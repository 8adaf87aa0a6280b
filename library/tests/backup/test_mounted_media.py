"""Media on a mount of their own: a folder there cannot be renamed, nor moved away."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
from bedplate.backup.work_directory import WorkDirectory
from command import environment
from commands import LIMIT
from project import Project, database_file, files, note, notes

# A new namespace, in which the user may mount; root needs no user namespace.
NAMESPACE: Final = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--user", "--map-root-user")))
# These tests are not about Django's commands.
MAIN: Final = """
import bedplate.backup.staging, runpy
bedplate.backup.staging.manage = lambda *_, **__: ""
{before}
runpy.run_module("bedplate.backup", run_name="__main__", alter_sys=True)
"""
KILL_WITHIN_THE_SWAP: Final = """
import os, signal
from bedplate.backup.live_media import LiveMedia
left, swap, rename = {left}, LiveMedia.swap, os.rename
def rename_or_die(*names, **folders):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(*names, **folders)
def swap_or_die(self, restore):
    os.rename = rename_or_die
    return swap(self, restore)
LiveMedia.swap = swap_or_die
"""


@dataclass(frozen=True)
class Mounted:
    """A project whose media folder is a mount for the commands."""

    project: Project
    volume: Path
    below: str = ""

    def run(
        self, *arguments: str, before: str = "", options: str = "", apart: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command, and return the result. `apart` mounts the volume; otherwise it is the media folder itself."""
        script = f'{'mount --bind $3 "$1" "$2"' if apart else ":"} && shift 3 && exec "$@"'
        target = self.project.configuration.media / self.below
        command = [sys.executable, "-c", MAIN.format(before=before), *arguments]
        return subprocess.run(
            [*NAMESPACE, "sh", "-c", script, "sh", self.volume, target, options, *command],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
        )

    def succeed(self, *arguments: str, apart: bool = True) -> None:
        """Run a command, which must succeed."""
        result = self.run(*arguments, apart=apart)
        assert result.returncode == 0, result.stderr

    @property
    def media(self) -> dict[str, bytes | str]:
        """The media in the volume, without the files of restores."""
        return files(self.volume)

    @property
    def remains(self) -> list[str]:
        """The leftovers of restores in the volume."""
        return sorted(path.name for path in WorkDirectory(self.volume / ".backup_system").folder.glob("*"))


@pytest.fixture
def mounted(embedded: Project, tmp_path: Path) -> Mounted:
    """Return a backed up project, with a new note and new media since then."""
    volume = tmp_path / "volume"
    (embedded.media / "folder").mkdir()
    (embedded.media / "folder/c.txt").write_text("third")
    embedded.media.rename(volume)
    embedded.configuration.media.mkdir()
    mounted = Mounted(embedded, volume)
    mounted.succeed("-b")
    note(embedded, "late")
    (volume / "folder/late.txt").write_text("late")
    (volume / "a.txt").unlink()
    return mounted


BEFORE: Final = (["one", "two"], {"a.txt": b"first", "b.txt": b"second", "folder/c.txt": b"third"})
LATE: Final = (["one", "two", "late"], {"b.txt": b"second", "folder/c.txt": b"third", "folder/late.txt": b"late"})


def live(mounted: Mounted) -> tuple[list[str], dict[str, bytes | str]]:
    """Return the live data."""
    return notes(mounted.project), mounted.media


def test_restore_undo_and_back_up_work(mounted: Mounted) -> None:
    mounted.succeed("-r", "latest")
    assert live(mounted) == BEFORE
    for expected in (LATE, BEFORE, LATE):
        mounted.succeed("--undo")
        assert live(mounted) == expected
        assert len(mounted.remains) == 1, "what was replaced once is kept, and nothing else"
        assert not [name for name in mounted.project.remains if name.startswith("staging-")]
    mounted.succeed("-b")
    mounted.succeed("--verify", "latest")
    mounted.succeed("-r", "latest")
    assert live(mounted) == LATE
    assert list(mounted.project.configuration.media.iterdir()) == [], "written beside the mount"


@pytest.mark.parametrize("left", range(6))
def test_a_swap_that_was_killed_is_finished(mounted: Mounted, left: int) -> None:
    """It holds after any of its renames; and an upload meanwhile is not lost."""
    killed = mounted.run("-r", "latest", before=KILL_WITHIN_THE_SWAP.format(left=left))
    assert killed.returncode == -9, killed.stderr
    (mounted.volume / "folder").mkdir(exist_ok=True)
    (mounted.volume / "folder/meanwhile.txt").write_text("meanwhile")
    mounted.succeed("-b")
    assert notes(mounted.project) == BEFORE[0]
    assert {name: data for name, data in mounted.media.items() if "meanwhile" not in name} == BEFORE[1]
    kept = [path for path in mounted.volume.rglob("meanwhile.txt*") if path.read_text() == "meanwhile"]
    assert len(kept) == 1
    mounted.succeed("--undo")
    assert {name: data for name, data in mounted.media.items() if "meanwhile" not in name} == LATE[1]


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("arguments", [["-r", "latest"], ["--undo"]])
def test_uploads_between_the_swaps_are_named_and_kept(mounted: Mounted, arguments: list[str], *, apart: bool) -> None:
    """They belong to the database that is live by then, and no later restore removes them without notice."""
    if not apart:
        mounted = replace(mounted, volume=mounted.project.configuration.media)
        shutil.copytree(mounted.project.media.parent.parent / "volume", mounted.volume, dirs_exist_ok=True)
    if arguments == ["--undo"]:
        mounted.succeed("-r", "latest", apart=apart)
    killed = mounted.run(*arguments, before=KILL_WITHIN_THE_SWAP.format(left=0), apart=apart)
    assert killed.returncode == -9, killed.stderr
    (mounted.volume / "folder/new").mkdir()
    late = [f"folder/new/{number} \udcff.txt" for number in range(7)]
    for name in late:
        (mounted.volume / name).write_text("meanwhile")
    finished = mounted.run("-b", apart=apart)
    assert finished.returncode == 0, finished.stderr
    said = " ".join(finished.stderr.split())
    assert "7 media files came after the database was replaced, and before the media were." in said
    assert "folder/new/0 \ufffd.txt" in said
    assert re.search("folder/new/4 \ufffd[.]txt, …( |$)", said)
    assert "folder/new/5" not in said
    found = re.search(r"They are in (\S+/media) \(their names: (\S+)\)", said)
    assert found
    kept, names = found[1], found[2]
    kept = kept.replace(str(mounted.project.configuration.media), str(mounted.volume))
    assert all((Path(kept) / name).read_text() == "meanwhile" for name in late)
    assert Path(names).read_text().splitlines() == [name.replace("\udcff", "\ufffd") for name in late]
    assert "never backed up" in mounted.run("-r", "latest", apart=apart).stderr
    assert "came after" not in mounted.run("--undo", apart=apart).stderr


def test_a_failure_after_the_databases_swap_is_told_as_it_is(mounted: Mounted) -> None:
    breaks = """
from bedplate.backup.live_media import LiveMedia
def swap(self, restore):
    raise OSError(5, "Input/output error")
LiveMedia.swap = swap
"""
    result = mounted.run("-r", "latest", before=breaks)
    assert result.returncode == 1
    assert "The database was replaced, the media files were not yet: the next -b, -r or" in result.stderr
    assert "Nothing was replaced" not in result.stderr


def test_what_was_kept_before_the_media_were_mounted_comes_back(embedded: Project, tmp_path: Path) -> None:
    (embedded.media / "folder").mkdir()
    (embedded.media / "folder/c.txt").write_text("third")
    plain = Mounted(embedded, embedded.media)
    plain.succeed("-b")
    note(embedded, "late")
    (embedded.media / "a.txt").unlink()
    (embedded.media / "folder/late.txt").write_text("late")
    command = [sys.executable, "-c", MAIN.format(before=""), "-r", "latest"]
    subprocess.run(command, env=environment(), check=True, capture_output=True, timeout=LIMIT)
    shutil.copytree(embedded.media, tmp_path / "volume")
    mounted = Mounted(embedded, tmp_path / "volume")
    mounted.succeed("--undo")
    assert live(mounted) == LATE
    mounted.succeed("--undo")
    assert live(mounted) == BEFORE


def refused(mounted: Mounted, *, saying: str, options: str = "") -> None:
    """Fail unless a restore is refused with this message, before it has begun."""
    before = database_file(mounted.project).read_bytes(), files(mounted.volume)
    result = mounted.run("-r", "latest", options=options)
    assert result.returncode == 1, result.stderr
    assert saying in result.stderr
    assert "Nothing was replaced." in result.stderr
    assert "Fetch" not in result.stderr
    assert (database_file(mounted.project).read_bytes(), files(mounted.volume)) == before


def test_a_mount_inside_of_the_media_is_refused_beforehand(mounted: Mounted, tmp_path: Path) -> None:
    (mounted.project.configuration.media / "folder").mkdir()
    (tmp_path / "inner").mkdir()
    inner = Mounted(mounted.project, tmp_path / "inner", below="folder")
    refused(inner, saying="/data/uploads/folder is a mount inside of the media folder")


def test_media_that_are_mounted_read_only_are_refused_beforehand(mounted: Mounted) -> None:
    refused(mounted, saying="/data/uploads cannot be replaced", options="--options=bind,ro")
