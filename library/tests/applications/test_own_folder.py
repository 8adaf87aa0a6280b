"""Tests share no data with other tests on the machine, or with the developer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

SHOW = "import pytest; from config.tests.settings import ENVIRONMENT; print(ENVIRONMENT.data_directory)"


def data_directory_of(environment: dict[str, str]) -> Path:
    """Return the data folder of tests in this environment."""
    command = [sys.executable, "-c", SHOW]
    return Path(subprocess.check_output(command, env=environment, cwd=settings.BASE_DIRECTORY, text=True).strip())


@pytest.fixture
def outside(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a developer's shell, with its own data."""
    tests = {"TEST_FOLDER", "PYTEST_XDIST_WORKER"}
    return {name: value for name, value in os.environ.items() if name not in tests} | {"DATA_DIRECTORY": str(tmp_path)}


def test_each_test_run_has_its_own_temporary_folder(outside: dict[str, str]) -> None:
    first, second = data_directory_of(outside), data_directory_of(outside)
    assert len({first, second, Path(outside["DATA_DIRECTORY"])}) == 3
    assert not first.parent.exists()


def test_each_test_process_shares_its_folder_with_its_workers_only(outside: dict[str, str]) -> None:
    run = outside | {"TEST_FOLDER": outside["DATA_DIRECTORY"]}
    first, second = ({**run, "PYTEST_XDIST_WORKER": name} for name in ("gw0", "gw1"))
    assert data_directory_of(first) != data_directory_of(second)
    assert data_directory_of(first) == data_directory_of(first | {"DATA_DIRECTORY": "the value of its parent"})
