"""`./install_embedded.sh` with bad input: its message before anything is changed, with what to do."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from bedplate.testing.checkout import copy_as_shop, free_port
from embedded_mode import install

# All commands that the shell part may call.
TOOLS: Final = "bash dirname env find sed sort"
NOWHERE: Final = "http://127.0.0.1:9/"
WITHOUT_REGISTRY: Final = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_INDEX_URL": NOWHERE,
    "PIP_FIND_LINKS": "",
    "PIP_RETRIES": "0",
    "UV_DEFAULT_INDEX": NOWHERE,
    "UV_HTTP_RETRIES": "0",
}
# Scripts that claim to be the Python of their name; and one with a broken venv.
AS_ITSELF: Final = f'exec -a "$0" {Path(sys.executable).resolve()} "$@"'
BROKEN_VENV: Final = 'case "$*" in *"-m venv"*) echo "No module named ensurepip" >&2; exit 1 ;; esac;'
COMPLETE: Final = {
    "SECRET_KEY": "a-secret-key-of-more-than-32-characters",
    "DEFAULT_USER_EMAIL": "admin@shop.local",
    "DEFAULT_USER_PASSWORD": "the-first-password",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a fresh clone."""
    return copy_as_shop(tmp_path / "checkout")


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """Return a folder to be the only one on PATH: it has no Python yet."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for tool in TOOLS.split():
        (commands / tool).symlink_to(shutil.which(tool) or tool)
    return commands


def machine_of(commands: Path) -> dict[str, str]:
    """Return the variables of a machine with these commands only."""
    return {"PATH": str(commands), "HOME": str(commands), "PYENV_ROOT": ""}


def program(path: Path, script: str) -> None:
    """Create a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/usr/bin/env bash\n{script}\n")
    path.chmod(0o755)


def help_with(folder: Path, commands: Path) -> subprocess.CompletedProcess[str]:
    """Request the help text on a machine with these commands only."""
    return install(folder, "--help", **machine_of(commands))


def write_configuration(folder: Path, **values: str) -> None:
    """Write a complete `.env.embedded`, with these values instead of the usual ones."""
    lines = [f"{name}={value}\n" for name, value in (COMPLETE | values).items()]
    (folder / ".env.embedded").write_text("".join(lines))


def refused(folder: Path, *options: str) -> str:
    """Return the message of a refused install. Fail if it is not refused, or has changed something."""
    completed = install(folder, *options)
    assert completed.returncode == 1, completed.stdout
    assert "Stopped, nothing was changed" in completed.stdout
    assert not (folder / ".venv-embedded").exists()
    return completed.stdout


@pytest.mark.parametrize("version", ["3.9.18", "3.10.13"])
def test_without_a_new_enough_python_it_prints_what_it_found(folder: Path, commands: Path, version: str) -> None:
    """The message names it, and how to get another one on each system."""
    program(commands / "python3", f'case "$*" in *assert*) exit 1 ;; *) echo {version} ;; esac')
    completed = help_with(folder, commands)
    assert completed.returncode == 1
    assert "no usable Python 3.11 or newer" in completed.stdout
    assert f"{version:<16} {commands / 'python3'}" in completed.stdout
    assert "uv python install 3.14" in completed.stdout
    for system in ("Debian 12", "Ubuntu 22.04", "RHEL 9", "macOS"):
        assert system in completed.stdout


def test_without_any_python(folder: Path, commands: Path) -> None:
    """A machine without Python gets the same message."""
    completed = help_with(folder, commands)
    assert (completed.returncode, "uv python install 3.14" in completed.stdout) == (1, True)


def test_a_python_that_hangs_is_passed_over(folder: Path, commands: Path) -> None:
    """A Python that never answers has limited time; the next one is used."""
    (commands / "timeout").symlink_to(shutil.which("timeout") or "timeout")
    (commands / "sleep").symlink_to(shutil.which("sleep") or "sleep")
    program(commands / "python3.14", "sleep 600")
    program(commands / "python3.13", AS_ITSELF)
    assert help_with(folder, commands).stdout.startswith("usage: ./install_embedded.sh")


def test_a_python_for_the_commands_alone_is_too_old_for_the_application(folder: Path, commands: Path) -> None:
    """Given Python 3.11 alone, help is printed, and the set-up names the version that Django needs."""
    as_old = 'case "$*" in *"(3, 12)"*) exit 1 ;; *platform*) echo 3.11.2; exit ;; esac;'
    program(commands / "python3", f"{as_old} {AS_ITSELF}")
    assert help_with(folder, commands).returncode == 0
    completed = install(folder, "--setup-only", **machine_of(commands))
    assert completed.returncode == 1
    assert "Stopped, nothing was changed: no usable Python 3.12 or newer" in completed.stdout
    assert f"3.11.2           {commands / 'python3'}" in completed.stdout
    assert not (folder / ".venv-embedded").exists()


def test_a_python_that_makes_no_environment_is_passed_over(folder: Path, commands: Path) -> None:
    """Given a first Python with a broken venv, the next one that works makes the environment, and stays in use."""
    tries = f'case "$*" in *"-m venv"*) echo >>{commands}/tries ;; esac;'
    program(commands / "python3.14", f"{tries} {BROKEN_VENV} {AS_ITSELF}")
    program(commands / "python3.13", AS_ITSELF)
    completed = install(folder, "--setup-only", **machine_of(commands), **WITHOUT_REGISTRY)
    assert "no network, or a proxy or firewall" in completed.stdout, completed.stdout
    assert (folder / ".venv-embedded/bin/python").readlink().name == "python3.13"
    (folder / ".venv-embedded/.complete").write_text("of earlier packages")
    tried = (commands / "tries").read_text()
    install(folder, "--setup-only", **machine_of(commands), **WITHOUT_REGISTRY)
    assert (commands / "tries").read_text() == tried


def test_pythons_that_all_make_no_environment_are_named(folder: Path, commands: Path) -> None:
    """The message names each, how to see why, and how to get another one; nothing is changed."""
    for name in ("python3.14", "python3.13"):
        program(commands / name, f"{BROKEN_VENV} {AS_ITSELF}")
    completed = install(folder, "--setup-only", **machine_of(commands))
    assert completed.returncode == 1
    assert "Stopped, nothing was changed" in completed.stdout
    for name in ("python3.14", "python3.13"):
        assert f"(cannot make an environment; to see why: {commands / name} -m venv" in completed.stdout
    assert "uv python install 3.14" in completed.stdout
    assert not (folder / ".venv-embedded").exists()
    assert install(folder, "--help", **machine_of(commands)).returncode == 0  # which needs no environment


def test_a_shim_that_refuses_does_not_hide_the_version_in_pyenv_folder(folder: Path, commands: Path) -> None:
    """Given pyenv's shims without a selected version, its folder of versions is searched."""
    program(commands / "python3.13", 'echo "pyenv: python3.13: command not found" >&2; exit 127')
    program(commands / ".pyenv/versions/3.13.0/bin/python", f'exec {sys.executable} "$@"')
    completed = help_with(folder, commands)
    assert completed.stdout.startswith("usage: ./install_embedded.sh"), completed.stdout


def test_a_python_of_uv_is_found(folder: Path, commands: Path) -> None:
    """Given no Python on PATH, uv is asked for one."""
    program(commands / "uv", f"echo {commands / 'of-uv'}")
    program(commands / "of-uv", f'exec {sys.executable} "$@"')
    completed = help_with(folder, commands)
    assert completed.stdout.startswith("usage: ./install_embedded.sh"), completed.stdout
    assert "./install_embedded.sh manage COMMAND" in completed.stdout


@pytest.mark.parametrize("port", ["0", "65536", "web", "-1", "8000.5", ""])
def test_an_invalid_port_is_invalid_usage(folder: Path, port: str) -> None:
    """Exit status 2, and the message says what a port is."""
    completed = install(folder, f"--port={port}")
    assert completed.returncode == 2
    assert "needs a number from 1 to 65535" in completed.stdout


def test_a_taken_port_is_named_with_a_way_out(folder: Path) -> None:
    """The message names the port and the option."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        output = refused(folder, "--port", str(port))
    assert f"port {port} of 127.0.0.1 cannot be used" in output
    assert f"--port {port + 1}" in output


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("SECRET_KEY", "", "SECRET_KEY is missing or empty"),
        ("SECRET_KEY", "short", "SECRET_KEY is shorter than 32 characters"),
        ("DEFAULT_USER_PASSWORD", "change-me", "DEFAULT_USER_PASSWORD still holds the placeholder"),
        ("DEFAULT_USER_EMAIL", "''", "DEFAULT_USER_EMAIL is missing or empty"),
        ("PROJECT_NAME", "'My project", "line 4, cannot be read: No closing quotation"),
    ],
)
def test_an_unusable_configuration_is_named_and_kept(folder: Path, name: str, value: str, problem: str) -> None:
    """The message names the variable; the file is not overwritten."""
    write_configuration(folder, **{name: value})
    before = (folder / ".env.embedded").read_bytes()
    output = refused(folder, "--port", str(free_port()))
    assert problem in output
    assert "Stopped, nothing was changed: .env.embedded" in output  # the reason first, then what to do
    assert (folder / ".env.embedded").read_bytes() == before


def test_a_folder_that_is_not_ours_is_refused(folder: Path) -> None:
    """The message names the owner to root, and says to any other user that the folder is not writable."""
    if os.geteuid() == 0:
        os.chown(folder, 65534, -1)
        assert f"belongs to {pwd.getpwuid(65534).pw_name}, and you are root" in refused(folder)
    else:
        folder.chmod(0o555)
        assert "is not writable" in refused(folder)
        folder.chmod(0o755)


def test_without_the_package_registry_nothing_unfinished_counts(folder: Path) -> None:
    """The message names the network, and the next start repeats that step: it does not count as done."""
    half_made = folder / ".venv-embedded"
    for _ in range(2):
        completed = install(folder, "--setup-only", **WITHOUT_REGISTRY)
        assert completed.returncode == 1, completed.stdout
        assert "no network, or a proxy or firewall" in completed.stdout
        assert half_made.exists()
        assert not (half_made / ".complete").exists()
        assert not (half_made / "left over").exists()
        (half_made / "left over").touch()
        assert not (folder / "var/embedded/database.sqlite3").exists()
    assert "this folder is not set up yet" in install(folder, "manage", "check").stdout


def test_manage_before_the_set_up_says_what_to_run_first(folder: Path) -> None:
    """There is no environment to run the command in."""
    assert "First run: ./install_embedded.sh --setup-only" in refused(folder, "manage", "check")
