"""Every script that people run, in a copy without an installation: help, and wrong arguments."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from bedplate.host.__main__ import available
from bedplate.host.install.certificate import has_certificates
from bedplate.testing.checkout import ROOT, copy_checkout

SCRIPTS: Final = sorted(script.name for script in ROOT.glob("*.sh"))
COMMANDS: Final = [*SCRIPTS, "bedplate", *(f"bedplate {name}" for name in available())]
TAKE_A_NAME: Final = ("bedplate new", "bedplate add-app")
# All commands of the machine: a shell and its usual programs, and one Python. No Docker, no Node, no git.
TOOLS: Final = "awk bash cat date dirname env find grep head id mkdir rm sed sort tail tr"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a copy of the checkout, and the commands of a machine without an installation."""
    folder = tmp_path_factory.mktemp("bare")
    copy_checkout(folder / "a checkout")
    (folder / "commands").mkdir()
    for tool in TOOLS.split():
        found = subprocess.run(["bash", "-c", f"type -P {tool}"], check=True, capture_output=True, text=True)
        (folder / "commands" / tool).symlink_to(found.stdout.strip())
    # A Python without packages, and without the means to make an environment.
    python = folder / "commands/python3"
    python.write_text(f'#!/bin/sh\nexec {Path(sys.executable).resolve()} -S "$@"\n')
    python.chmod(0o755)
    return folder


def run(bare: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return the result of a script, called from another folder."""
    script, *verb = command.split()
    return subprocess.run(
        [bare / "a checkout" / script, *verb, *arguments],
        cwd=bare,
        env={"PATH": str(bare / "commands"), "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


def files(bare: Path) -> set[Path]:
    """Return all files in the checkout, except the bytecode of programs that ran."""
    return {path for path in (bare / "a checkout").rglob("*") if "__pycache__" not in path.parts}


def test_there_are_scripts() -> None:
    """The list of them is not empty, and has the scripts that people run first."""
    assert {"install_docker.sh", "install_embedded.sh", "run_tests.sh", "google_storage.sh"} <= set(SCRIPTS)


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize("script", COMMANDS)
def test_help_needs_nothing_installed(bare: Path, script: str, option: str) -> None:
    """It is printed on standard output, names the script and its options, and changes nothing."""
    before = files(bare)
    result = run(bare, script, option)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.lower().startswith("usage: "), result.stdout
    assert script in result.stdout.partition("\n")[0]
    assert result.stderr == ""
    assert files(bare) == before


@pytest.mark.parametrize("script", [command for command in COMMANDS if command != "google_storage.sh"])
def test_unknown_options_are_named(bare: Path, script: str) -> None:
    """Exit status 2, the option named, nothing changed. Only an installation knows the options of backups."""
    before = files(bare)
    result = run(bare, script, "--no-such-option", *(["name"] if script in TAKE_A_NAME else []))
    assert result.returncode == 2, result.stdout + result.stderr
    assert "--no-such-option" in result.stderr
    assert len(result.stderr.splitlines()) < 24, "the problem scrolls out of a terminal"
    assert "Traceback" not in result.stderr
    assert files(bare) == before


def test_options_are_not_abbreviated(bare: Path) -> None:
    """What begins like an option may become the beginning of another one."""
    for command in (
        "bedplate deploy --rest",
        "bedplate rotate-secret secret_key --forget",
        "bedplate certificates renew --forc",
    ):
        if not command.startswith("bedplate certificates") or has_certificates():
            result = run(bare, command)
            assert (result.returncode, "Unknown option: --" in result.stderr) == (2, True), command


def test_command_of_a_part_that_was_removed(bare: Path, tmp_path: Path) -> None:
    """It is not offered, and is no command."""
    copy_checkout(tmp_path / "checkout")
    crontab = tmp_path / "checkout/cron/crontab"
    crontab.write_text(
        "".join(line for line in crontab.read_text().splitlines(keepends=True) if "renew_certificates" not in line)
    )
    (tmp_path / "commands").symlink_to(bare / "commands")
    (tmp_path / "a checkout").symlink_to(tmp_path / "checkout")
    assert "certificates " not in run(tmp_path, "bedplate", "--help").stdout
    result = run(tmp_path, "bedplate", "certificates", "renew")
    assert (result.returncode, "There is no command 'certificates'." in result.stderr) == (2, True)


def test_a_command_that_does_not_exist(bare: Path) -> None:
    """It is named, with the existing ones."""
    result = run(bare, "bedplate", "archvie")
    assert (result.returncode, "There is no command 'archvie'." in result.stderr) == (2, True)
    assert "  archive " in result.stderr
    assert run(bare, "bedplate").returncode == 2


def test_commands_before_the_install_say_what_to_run_first(bare: Path) -> None:
    """Backups need an installation, deploys and rotations a server: the message is one line, with exit status 1."""
    commands = {
        "google_storage.sh": ["-l"],
        "bedplate add-app": ["notes"],
        "bedplate deploy": [],
        "bedplate rotate-secret": ["secret_key"],
    }
    for script in sorted(commands.keys() & set(COMMANDS)):
        result = run(bare, script, *commands[script])
        assert result.returncode == 1, script
        assert "install_docker.sh" in result.stderr or "Docker" in result.stderr, result.stderr
        assert "Traceback" not in result.stderr


def test_apps_are_not_added_on_a_server(bare: Path) -> None:
    """Code comes there by a deploy."""
    dotenv = bare / "a checkout/.env"
    dotenv.write_text("COMPOSE_PROJECT_NAME=shop\nCOMPOSE_FILE=prod.yml\n")
    try:
        result = run(bare, "bedplate add-app", "notes")
        assert (result.returncode, "on your own machine" in result.stderr) == (1, True)
    finally:
        dotenv.unlink()


@pytest.mark.skipif(not os.access(ROOT / "google_storage.sh", os.X_OK), reason="a project without backups")
def test_help_while_docker_does_not_answer(bare: Path) -> None:
    """With an installation whose Docker is stopped, help still works."""
    dotenv = bare / "a checkout/.env"
    dotenv.write_text("COMPOSE_PROJECT_NAME=shop\n")
    try:
        assert run(bare, "google_storage.sh", "--help").stdout.startswith("Usage: ")
        assert "Docker does not answer" in run(bare, "google_storage.sh", "-l").stderr
    finally:
        dotenv.unlink()
