"""Tests share nothing with other tests that run on the machine, nor with the data of whoever runs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

SHOW = "import pytest; from config.tests.settings import ENVIRONMENT; print(ENVIRONMENT.data_directory)"


def data_directory_of(environment: dict[str, str]) -> Path:
    """Return where tests in this environment keep their data."""
    command = [sys.executable, "-c", SHOW]
    return Path(subprocess.check_output(command, env=environment, cwd=settings.BASE_DIRECTORY, text=True).strip())


@pytest.fixture
def outside(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a shell in which somebody works on data of their own."""
    tests = {"TEST_FOLDER", "PYTEST_XDIST_WORKER"}
    return {name: value for name, value in os.environ.items() if name not in tests} | {"DATA_DIRECTORY": str(tmp_path)}


def test_each_run_of_tests_has_a_folder_of_its_own_which_goes_with_it(outside: dict[str, str]) -> None:
    first, second = data_directory_of(outside), data_directory_of(outside)
    assert len({first, second, Path(outside["DATA_DIRECTORY"])}) == 3
    assert not first.parent.exists()


def test_processes_of_one_run_are_apart_and_the_workers_they_start_are_with_them(outside: dict[str, str]) -> None:
    run = outside | {"TEST_FOLDER": outside["DATA_DIRECTORY"]}
    first, second = ({**run, "PYTEST_XDIST_WORKER": name} for name in ("gw0", "gw1"))
    assert data_directory_of(first) != data_directory_of(second)
    assert data_directory_of(first) == data_directory_of(first | {"DATA_DIRECTORY": "what its parent was told"})
