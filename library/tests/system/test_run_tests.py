"""`./run_tests.sh` on a machine that lacks programs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bedplate.testing.checkout import copy_checkout

# Commands that `./run_tests.sh` needs before the linters, except Python and Node.
TOOLS = "bash cat cmp cp dirname env git ps rm sed sh sort find uname"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return a folder with a checkout, whose linters stop at once, and the only commands of the machine."""
    checkout = copy_checkout(tmp_path / "checkout")
    tools = checkout / ".venv/bin"
    tools.mkdir(parents=True)
    (checkout / ".venv/lib/python3/site-packages").mkdir(parents=True)
    (tools / "python").symlink_to(sys.executable)
    for packages, stamp in (("web/requirements-tools.txt", ""), ("library/tests/requirements.txt", "-tests")):
        shutil.copy(checkout / packages, checkout / f".venv/.requirements{stamp}")
    begin = "the linters begin${PYTHONPATH:+ elsewhere}${PYTHONDONTWRITEBYTECODE:+ slowly}"
    program(tools / "ruff", f'echo "{begin}, with $(node --version) and npm $(npm --version)"; exit 1')
    subprocess.run(["git", "init", "--quiet"], cwd=checkout, check=True)
    make_frontend(checkout / "web/frontend")
    commands = tmp_path / "commands"
    commands.mkdir()
    for tool in TOOLS.split():
        found = subprocess.run(["bash", "-c", f"type -P {tool}"], check=True, capture_output=True, text=True)
        (commands / tool).symlink_to(found.stdout.strip())
    return tmp_path


def make_frontend(folder: Path) -> None:
    """Create one whose only package is a folder beside it: fetching the real ones would take a minute."""
    package, part = {"name": "frontend", "version": "1.0.0"}, {"name": "part", "version": "1.0.0"}
    (folder / "part").mkdir(parents=True)
    (folder / "part/package.json").write_text(json.dumps(part))
    package_with_part = package | {"dependencies": {"part": "file:part"}}
    (folder / "package.json").write_text(json.dumps(package_with_part))
    packages = {"": package_with_part, "node_modules/part": {"resolved": "part", "link": True}, "part": part}
    locked = package | {"lockfileVersion": 3, "packages": packages}
    (folder / "package-lock.json").write_text(json.dumps(locked))


def program(path: Path, script: str) -> None:
    """Create a program."""
    path.write_text(f"#!/usr/bin/env bash\n{script}\n")
    path.chmod(0o755)


def run_tests(machine: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return the result of the tests on this machine."""
    return subprocess.run(
        [machine / "checkout/run_tests.sh", *arguments],
        env={**os.environ, "PATH": str(machine / "commands"), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("version", ["", "v18.20.1"])
def test_node_comes_from_the_package_registry(machine: Path, version: str) -> None:
    """Without Node, or with one that is too old, embedded mode's Node is used, and fetched only once."""
    if version:
        program(machine / "commands/node", f"echo {version}")
        program(machine / "commands/npm", "echo too old >&2; exit 1")
    result = run_tests(machine, "fast")
    assert "the linters begin, with v24." in result.stdout, result.stdout
    assert "command not found" not in result.stdout
    assert "too old" not in result.stdout
    assert (machine / "checkout/web/frontend/node_modules/.lock").exists()
    assert "from the package registry, once" in result.stdout
    written_once = (".venv-embedded-node/.complete", ".venv/lib/python3/site-packages/bedplate.pth")
    before = [(machine / "checkout" / name).stat().st_mtime_ns for name in written_once]
    assert "the linters begin, with v24." in run_tests(machine, "fast").stdout
    assert [(machine / "checkout" / name).stat().st_mtime_ns for name in written_once] == before


def test_without_node_and_registry_it_says_why(machine: Path) -> None:
    """One line gives the cause, and the tests end there."""
    nowhere = "http://127.0.0.1:9/"
    result = subprocess.run(
        [machine / "checkout/run_tests.sh", "fast"],
        env={
            **os.environ,
            "PATH": str(machine / "commands"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": nowhere,
            "PIP_RETRIES": "0",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert result.returncode == 1
    assert "no network, or a proxy or firewall" in result.stderr
    assert "linters begin" not in result.stdout


def test_wrong_arguments(machine: Path) -> None:
    """The wrong argument is named; nothing is set up."""
    for arguments in (["fsat"], ["--fast"], ["fast", "stack"]):
        result = run_tests(machine, *arguments)
        assert result.returncode == 2
        assert arguments[-1] in result.stdout.splitlines()[0]
