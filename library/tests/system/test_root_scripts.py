"""Every script that people run, in a copy in which nothing is installed: help, and wrong arguments."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from bedplate.testing.checkout import ROOT, copy_checkout

SCRIPTS: Final = [
    str(script.relative_to(ROOT))
    for pattern in ("*.sh", "library/host/proxy_pass/*_pass.sh")
    for script in sorted(ROOT.glob(pattern))
]
# All that a machine has: a shell and its usual programs, and one Python. No Docker, no Node, no git.
TOOLS: Final = "awk bash cat date dirname env find grep head id mkdir rm sed sort tail tr"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a copy of the checkout, and the commands of a machine on which nothing is installed."""
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


def run(bare: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return how a script ended that was called from another folder."""
    return subprocess.run(
        [bare / "a checkout" / script, *arguments],
        cwd=bare,
        env={"PATH": str(bare / "commands"), "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


def files(bare: Path) -> set[Path]:
    """Return all that is in the checkout, but for the bytecode of what ran."""
    return {path for path in (bare / "a checkout").rglob("*") if "__pycache__" not in path.parts}


def test_there_are_scripts() -> None:
    """The list of them is not empty, nor are those forgotten that are the first that people run."""
    assert {"install_docker.sh", "install_embedded.sh", "run_tests.sh", "deploy.sh"} <= set(SCRIPTS)


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_help_needs_nothing_installed(bare: Path, script: str, option: str) -> None:
    """It is printed on standard output, names the script and its options, and changes nothing."""
    before = files(bare)
    result = run(bare, script, option)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.lower().startswith("usage: "), result.stdout
    assert script in result.stdout.partition("\n")[0]
    assert result.stderr == ""
    assert files(bare) == before


@pytest.mark.parametrize("script", [script for script in SCRIPTS if script != "google_storage.sh"])
def test_unknown_options_are_named(bare: Path, script: str) -> None:
    """Exit status 2, the option named, and nothing is changed. Only what is installed knows the options of backups."""
    before = files(bare)
    result = run(bare, script, "--no-such-option", *(["directory"] if script == "new_project.sh" else []))
    assert result.returncode == 2, result.stdout + result.stderr
    assert "--no-such-option" in result.stderr
    assert "Traceback" not in result.stderr
    assert files(bare) == before


def test_commands_before_the_install_say_what_to_run_first(bare: Path) -> None:
    """Backups need an installation, deploys and rotations a server: said in a line, with exit status 1."""
    commands = {"google_storage.sh": ["-l"], "deploy.sh": [], "rotate_secret.sh": ["secret_key"]}
    for script in sorted(commands.keys() & set(SCRIPTS)):
        result = run(bare, script, *commands[script])
        assert result.returncode == 1, script
        assert "install_docker.sh" in result.stderr or "Docker" in result.stderr, result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.skipif(not os.access(ROOT / "google_storage.sh", os.X_OK), reason="a project without backups")
def test_help_while_docker_does_not_answer(bare: Path) -> None:
    """With an installation whose Docker is stopped, help is still given."""
    dotenv = bare / "a checkout/.env"
    dotenv.write_text("COMPOSE_PROJECT_NAME=shop\n")
    try:
        assert run(bare, "google_storage.sh", "--help").stdout.startswith("Usage: ")
        assert "Docker does not answer" in run(bare, "google_storage.sh", "-l").stderr
    finally:
        dotenv.unlink()
