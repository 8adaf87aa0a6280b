"""What the tests of the project share."""

from pathlib import Path

import pytest
from checkout import free_port
from fake_machine import FakeMachine


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """Return a machine without a Docker engine, whose docker command answers as told."""
    return FakeMachine(tmp_path, port=free_port())
