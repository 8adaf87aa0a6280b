"""Pytest plugin: print the place of each collected test, and whether it would be run."""

import json
import sys

import pytest

# Run in containers: the library's tests by stack/test_library.py, the application's by a project's tests/test_local.py.
RUN_BY_THE_STACK = "on PostgreSQL only"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Print a line of JSON."""
    functions = [item for item in session.items if isinstance(item, pytest.Function)]
    tests = [[item.location[0], item.originalname, runs(item)] for item in functions]
    sys.stdout.write(f"\ncollected: {json.dumps(tests)}\n")


def runs(item: pytest.Item) -> int:
    """Return 2 for a test of every run, 1 for one of `./run_tests.sh slow`, 0 for one that is skipped."""
    if is_skipped(item):
        return 0
    return 1 if any(item.iter_markers("slow")) else 2


def is_skipped(item: pytest.Item) -> bool:
    """Return whether a mark skips the test here and now. A condition given as a string counts as true."""
    if any(item.iter_markers("skip")):
        return True
    marks = (mark for mark in item.iter_markers("skipif") if mark.kwargs.get("reason") != RUN_BY_THE_STACK)
    return any(bool(condition) for mark in marks for condition in mark.args)
