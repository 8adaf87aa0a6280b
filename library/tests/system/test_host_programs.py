"""Docker as the host's commands run it: its process group, and incomplete output."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bedplate.host import secrets_folder
from bedplate.host.configuration import env_file
from bedplate.host.configuration.environment import find_environment
from bedplate.host.configuration.secret_list import Secret
from bedplate.host.deploy.containers import Container, containers_of
from bedplate.host.errors import HostError
from bedplate.host.programs import attempt
from bedplate.host.rotation import checks
from bedplate.host.secrets_folder import SecretsFolder
from bedplate.host.steps import Steps

GROUP = [sys.executable, "-c", "import os; print(os.getpgrp())"]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that writes a `docker` of these lines of shell."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    def write(lines: str) -> None:
        (tmp_path / "docker").write_text(f"#!/bin/sh\n{lines}\n")
        (tmp_path / "docker").chmod(0o755)

    return write


def test_terminal_signals_do_not_reach_a_query(tmp_path: Path) -> None:
    """Ctrl-C ends Docker's client even if its parent ignores the signal; the undo would use half an answer."""
    steps = Steps(tmp_path / "log")
    for group in (attempt(GROUP).stdout, steps.output(GROUP)):
        assert int(group) != os.getpgrp()


def test_interrupted_before_it_begins() -> None:
    """Ctrl-C while the command is loaded ends in a line, without a traceback."""
    code = (
        "import bedplate.host.__main__ as program, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # in the background, it may be ignored
        "program.import_module = lambda name: signal.raise_signal(signal.SIGINT)\n"
        "raise SystemExit(program.main(['update']))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert (result.returncode, result.stderr) == (130, "\nInterrupted, nothing was changed.\n")


def test_container_removed_in_the_meantime(docker: Callable[[str], None]) -> None:
    """It is left out, and so is an empty line; the other containers are returned."""
    listed = "[ $1 = compose ] && echo one two && exit"
    docker(f"{listed}\necho 1 web-1 shop-web:1 running; echo; echo Error: No such object: two >&2; exit 1")
    assert containers_of("web") == [Container("web-1", "shop-web:1", "running")]
    docker(f"{listed}\necho permission denied >&2; exit 1")
    with pytest.raises(HostError):
        containers_of("web")


def test_every_byte_of_a_secret_is_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Line ends of other systems, and bytes that are not UTF-8."""
    monkeypatch.setattr(secrets_folder, "FOLDER", tmp_path)
    monkeypatch.setattr(secrets_folder, "owner_ids", lambda _: (os.getuid(), os.getgid()))
    before = "pässword\r\nsecond\rhalf\n".encode() + b"\xff"
    (tmp_path / "door").write_bytes(before)
    folder = SecretsFolder(secrets={}, environment=find_environment("prod"))
    folder.put(".door.previous", secrets_folder.text_of(tmp_path / "door"))
    assert (tmp_path / ".door.previous").read_bytes() == before


def test_secrets_of_a_file_that_was_not_written_do_not_stay(tmp_path: Path) -> None:
    """If `.env` cannot be replaced, its new content is removed, too."""
    (tmp_path / ".env").mkdir()
    with pytest.raises(OSError, match=r"\.env"):
        env_file.replace("SECRET_KEY=one\n", tmp_path / ".env")
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


@pytest.mark.parametrize("given", ["redis://queue:p@valkey:6379 ", "\tredis://queue:p@valkey:6379", "a b"])
def test_address_with_blanks(given: str) -> None:
    """It is refused, wherever the blank is."""
    secret = Secret(name="valkey_url", length=32, form="redis://queue:SECRET@valkey:6379", hashes_of="")
    with pytest.raises(HostError, match="blanks"):
        checks.check_address(given, secret)


def test_password_with_a_line_end_of_another_system() -> None:
    """It would be two lines."""
    with pytest.raises(HostError, match="several lines"):
        checks.check_kind("first-half\rsecond-half", "postgres_password")


def test_closed_pipe() -> None:
    """The exit status is that of SIGPIPE, and Python prints no message of its own."""
    program = """
import os, sys
from bedplate.host.console import write
from bedplate.host.steps import Interrupted, catch_signals
catch_signals()
try:
    while True:
        write("line after line\\n" * 1000)
except Interrupted as interruption:
    sys.exit(interruption.exit_status)
"""
    command = [sys.executable, "-c", program]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stderr
    process.stdout.readline()
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=60), said) == (128 + signal.SIGPIPE, "")
