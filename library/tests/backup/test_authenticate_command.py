"""`./google_storage.sh -a` as a process: its standard input, its exit status, its end."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from bedplate.backup.configuration import Configuration
from bedplate.testing.oauth_server import OAuthServer
from command import environment
from fake_person import LIMIT, FakePerson, browse, decide


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set PYTHONPATH for the process."""
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Return the two ends of a terminal: the user's, and the program's."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


@contextmanager
def start(person: FakePerson, *options: str, stdin: int | None) -> Iterator[subprocess.Popen[str]]:
    """Yield the running command, and end it after the test; None closes standard input."""
    with subprocess.Popen(
        [sys.executable, "-m", "bedplate.backup", "-a", f"--port={person.port}", *options],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=(lambda: os.close(0)) if stdin is None else None,  # noqa: PLW1509 - it starts no thread
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def link(output: IO[str] | None) -> str:
    """Return the printed link."""
    assert output
    while line := output.readline():
        if match := re.search(r"http\S+", line):
            return match[0]
    raise AssertionError("it has ended")


def test_a_terminal_that_waits_does_not_keep_the_program(
    guarded: Configuration, person: FakePerson, terminal: tuple[int, int]
) -> None:
    with start(person, stdin=terminal[1]) as process:
        browse(decide(link(process.stdout)))
        output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, output
    assert "has access to" in output
    assert guarded.variables.google_credentials.exists()


def test_an_address_is_pasted_into_a_terminal(
    guarded: Configuration, person: FakePerson, terminal: tuple[int, int]
) -> None:
    with start(person, stdin=terminal[1]) as process:
        os.write(terminal[0], f"{decide(link(process.stdout))}\n".encode())
        output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, output
    assert guarded.variables.google_credentials.exists()


@pytest.mark.parametrize("stdin", [None, subprocess.DEVNULL], ids=["closed", "empty"])
def test_without_standard_input_the_browser_answers(
    guarded: Configuration, person: FakePerson, stdin: int | None
) -> None:
    with start(person, stdin=stdin) as process:
        browse(decide(link(process.stdout)))
        output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, output
    assert guarded.variables.google_credentials.exists()


def test_a_no_is_a_failure_and_the_browser_shows_a_page_all_the_same(
    guarded: Configuration, person: FakePerson
) -> None:
    with start(person, stdin=subprocess.DEVNULL) as process:
        assert "did not give your consent" in browse(decide(link(process.stdout), allow=False)).text
        output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 1, output
    assert "Failed: You did not give your consent" in output


def test_ctrl_c_ends_the_waiting(guarded: Configuration, person: FakePerson, terminal: tuple[int, int]) -> None:
    with start(person, stdin=terminal[1]) as process:
        link(process.stdout)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 130, output
    assert not guarded.variables.google_credentials.exists()


def test_a_key_file_needs_no_user(
    guarded: Configuration, oauth: OAuthServer, person: FakePerson, tmp_path: Path
) -> None:
    key_file = tmp_path / "key.json"
    key_file.write_text(json.dumps(oauth.issuer.new_key()))
    with start(person, f"--key-file={key_file}", stdin=None) as process:
        output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, output
    assert "http" not in output


def test_no_key_is_wrong_use(guarded: Configuration, person: FakePerson) -> None:
    with start(person, "--key-file=/nothing.json", stdin=subprocess.DEVNULL) as process:
        output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 2, output
    assert "/nothing.json" in output
