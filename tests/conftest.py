"""What the tests of the project share."""

import signal
from pathlib import Path

import pytest
from checkout import free_port
from fake_machine import FakeMachine


def pytest_configure() -> None:
    """Hear Ctrl-C, and let the programs under test hear it: what a shell starts in the background ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """Return a machine without a Docker engine, whose docker command answers as told."""
    return FakeMachine(tmp_path, port=free_port())
