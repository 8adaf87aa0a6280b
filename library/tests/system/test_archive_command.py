"""`./bedplate archive`: its contents, what it leaves out, its refusals; it leaves nothing unfinished."""

import os
import pty
import signal
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest
from bedplate.host.archive.code import Code
from bedplate.testing.checkout import ROOT
from documents import calls_of, commands_of
from embedded_mode import wait_for
from packing import Checkout, unpack


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Return a committed copy of this checkout."""
    return Checkout(tmp_path / "checkout")


def test_code_comes_as_it_is_committed(checkout: Checkout) -> None:
    """Every file with its mode, one additional document, in one folder, readable by the owner only."""
    as_shown, _ = calls_of(commands_of(ROOT / "library/docs/how-to/hand-over.md")[0], "./bedplate archive")
    result = checkout.create(*as_shown)
    assert result.returncode == 0, result.stderr
    assert checkout.output.stat().st_mode & 0o777 == 0o600
    unpacked = unpack(checkout.output, checkout.output.with_suffix(""))
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=checkout.folder, check=True, capture_output=True, text=True)
    names = set(filter(None, listed.stdout.split("\0")))
    assert {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()} == {
        *names,
        "HAND_OVER.md",
    }
    for name in names:
        copy, original = unpacked / name, checkout.folder / name
        assert copy.read_bytes() == original.read_bytes()
        assert (copy.stat().st_mode ^ original.stat().st_mode) & 0o100 == 0
    document = (unpacked / "HAND_OVER.md").read_text()
    assert "./install_docker.sh" in document
    assert "database" not in document.partition("## Build and run")[0]
    assert checkout.leftovers() == []


def test_recipient_continues_in_git_without_the_data(checkout: Checkout) -> None:
    """HAND_OVER.md says how: a first commit of the code only."""
    assert checkout.create().returncode == 0
    unpacked = unpack(checkout.output, checkout.output.with_suffix(""))
    (unpacked / "database.dump").write_text("people's data")
    commands = "".join(commands_of(unpacked / "HAND_OVER.md", section="Go on with it"))
    subprocess.run(["bash", "-ec", commands], cwd=unpacked, check=True)
    committed = subprocess.run(["git", "ls-files"], cwd=unpacked, check=True, capture_output=True, text=True).stdout
    assert "database.dump" not in committed.split("\n")
    assert "web/users/models.py" in committed.split("\n")


def test_secrets_and_caches_stay_even_if_committed(checkout: Checkout) -> None:
    """Files that should never have been committed are left out, and named."""
    confidential = ("secrets/secret_key", ".env.old", "web/server.pem", "web/__pycache__/a.pyc", "var/data")
    for name in confidential:
        (checkout.folder / name).parent.mkdir(exist_ok=True)
        (checkout.folder / name).write_text("x")
    checkout.commit()
    result = checkout.create()
    assert result.returncode == 0, result.stderr
    with ZipFile(checkout.output) as zip_file:
        names = {name.partition("/")[2] for name in zip_file.namelist()}
    assert not names & set(confidential)
    assert ".env.example" in names
    assert "as they may contain secrets or are not code" in result.stdout
    assert all(name in result.stdout for name in confidential)


def test_uncommitted_changes_are_reported(checkout: Checkout) -> None:
    """They stop it; --yes continues with the committed code."""
    (checkout.folder / "README.md").write_text("changed")
    (checkout.folder / "new.txt").write_text("new")
    checkout.refused(saying="not committed")
    assert checkout.create("--yes").returncode == 0
    with ZipFile(checkout.output) as zip_file:
        assert zip_file.read("handed over/README.md") != b"changed"
        assert "handed over/new.txt" not in zip_file.namelist()


def test_git_is_read_to_its_end(checkout: Checkout) -> None:
    """A reader may stop at the end mark of the tar, before git has written all."""
    with Code.read(checkout.folder).tar() as stream:
        assert stream.read(512)


def test_bad_circumstances_are_refused(checkout: Checkout) -> None:
    """Each refusal says what to do, and nothing is written."""
    checkout.refused("--database", saying="./install_docker.sh")
    checkout.refused("--media", "--embedded", saying="nothing is installed")
    (checkout.folder / ".env").write_text("COMPOSE_PROJECT_NAME=shop\n")
    checkout.refused("--database", "--not-anonymised", saying="--yes-personal-data shop")
    checkout.refused("--database", "--not-anonymised", "--yes-personal-data", "shoe", saying="--yes-personal-data shop")
    checkout.refused("--not-anonymised", saying="none are requested")
    checkout.refused("--output", str(checkout.folder / "missing/a.zip"), saying="mkdir -p")
    checkout.output.write_text("kept")
    result = checkout.create()
    assert (result.returncode, "exists" in result.stderr) == (1, True)
    assert checkout.output.read_text() == "kept"


def test_without_a_commit_it_is_refused(checkout: Checkout) -> None:
    """Without a git checkout, or without a commit, it says how to get there."""
    subprocess.run(["rm", "-rf", checkout.folder / ".git"], check=True)
    checkout.refused(saying="git init")
    checkout.git("init", "--quiet")
    checkout.refused(saying="git commit")


def test_docker_that_does_not_answer(checkout: Checkout, tmp_path: Path) -> None:
    """The data of a stack need Docker."""
    (checkout.folder / ".env").write_text("COMPOSE_PROJECT_NAME=shop\n")
    command(tmp_path, "docker", "exit 1")
    result = checkout.create("--database", **environment(tmp_path))
    assert (result.returncode, "Docker does not answer" in result.stderr) == (1, True)
    assert not checkout.output.exists()


def test_export_that_fails_leaves_nothing(checkout: Checkout, tmp_path: Path) -> None:
    """Incomplete data makes no archive, however much of it has come."""
    (checkout.folder / ".env").write_text("COMPOSE_PROJECT_NAME=shop\n")
    script = 'case "$*" in *bedplate*) tar -c -C "$0/../.." docker; echo no more disk >&2; exit 1 ;; *) echo x ;; esac'
    command(tmp_path, "docker", script.replace("$0/../..", str(tmp_path / "commands")))
    result = checkout.create("--database", **environment(tmp_path))
    assert result.returncode == 1
    assert "no more disk" in result.stderr
    assert "the data could not be read" in result.stderr
    assert (checkout.output.exists(), checkout.leftovers()) == (False, [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_leaves_nothing(checkout: Checkout, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C while data is read leaves no archive, no part of one, no process."""
    (checkout.folder / ".env").write_text("COMPOSE_PROJECT_NAME=shop\n")
    command(
        tmp_path,
        "docker",
        f'case "$*" in *bedplate.backup*) touch {tmp_path}/began; exec sleep 20 ;; esac; echo x',
    )
    with subprocess.Popen(
        [checkout.folder / "bedplate", "archive", "--database", "--output", checkout.output],
        env={**os.environ, **environment(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
        text=True,
    ) as process:
        wait_for((tmp_path / "began").exists, what="the data are asked for", limit=30)
        assert len(checkout.leftovers()) == 1
        process.send_signal(number)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "there is no archive" in said
    assert (checkout.output.exists(), checkout.leftovers()) == (False, [])


def test_terminal_is_asked(checkout: Checkout) -> None:
    """On a terminal, missing options are asked for."""
    here, terminal = pty.openpty()
    script: list[str | Path] = [checkout.folder / "bedplate", "archive"]
    with subprocess.Popen(script, cwd=checkout.output.parent, stdin=terminal, stdout=terminal, stderr=terminal) as run:
        os.close(terminal)
        os.write(here, b"n\nn\nasked.zip\n")
        assert run.wait(60) == 0
    said = os.read(here, 65536).decode()
    os.close(here)
    assert "Include the database? [y/N]" in said
    assert "Include the uploaded files (media)? [y/N]" in said
    assert (checkout.output.parent / "asked.zip").exists()


def test_help_and_wrong_options(checkout: Checkout) -> None:
    """--help has an example; an error is named."""
    assert "--database --media" in checkout.create("--help").stdout
    result = checkout.create("--databse")
    assert (result.returncode, "--databse" in result.stderr) == (2, True)


def command(folder: Path, name: str, script: str) -> None:
    """Put a command on PATH before those of this machine."""
    (folder / "commands").mkdir(exist_ok=True)
    (folder / "commands" / name).write_text(f"#!/usr/bin/env bash\n{script}\n")
    (folder / "commands" / name).chmod(0o755)


def environment(folder: Path) -> dict[str, str]:
    """Return the variables with those commands."""
    return {"PATH": f"{folder}/commands:{os.environ['PATH']}", "XDG_CONFIG_HOME": str(folder / "home")}
