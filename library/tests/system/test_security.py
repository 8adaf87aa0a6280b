"""The security page names tests that run and assert something; lock files have the hashes that they promise."""

import ast
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from bedplate.testing.checkout import ROOT

PAGE = ROOT / "library/docs/reference/security.md"
ROWS = [line for line in PAGE.read_text().splitlines() if re.match(r"\| (?!promise|---)", line)]
APPLICATIONS: Final = "library/tests/applications"
SYSTEM: Final = "library/tests/system"
# Suites as ./run_tests.sh runs them: from this folder, the tests below it. (library/ twice: with marks, without.)
SUITES: Final = {APPLICATIONS: ".", SYSTEM: ".", "web": "web", "library": ".", "template": "."}


def suite_of(path: str) -> str:
    """Return the suite that a test's file is in."""
    return next(suite for suite in SUITES if path.startswith(f"{suite}/"))


def named_in(row: str) -> list[tuple[str, str]]:
    """Return the files and tests that a promise names."""
    return re.findall(r"`([\w./]+\.py)::(\w+)`", row.rpartition(" | ")[2])


@cache
def collected(suite: str) -> dict[tuple[str, str], int]:
    """Return the tests that pytest finds in the suite's named files, with 2 for those of every run, 1 for slow ones."""
    folder = ROOT / SUITES[suite]
    files = sorted({ROOT / path for row in ROWS for path, _name in named_in(row) if suite_of(path) == suite})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p", "collected", "-p", "no:cacheprovider"]
    result = subprocess.run(
        [*command, *(path.relative_to(folder) for path in files)],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT / "library/tests/system")},
        capture_output=True, check=False, text=True, timeout=300,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    line = re.search("^collected: (.*)$", result.stdout, re.MULTILINE)
    assert line
    found: dict[tuple[str, str], int] = {}
    for place, name, runs in json.loads(line[1]):
        path = os.path.relpath(Path(os.path.normpath(root_of(suite) / place)), ROOT)
        found[path, name] = max(found.get((path, name), 0), runs)
    return found


def root_of(suite: str) -> Path:
    """Return the folder that pytest's file names are relative to: that of its configuration."""
    return ROOT / suite


def asserts(name: str, functions: dict[str, ast.FunctionDef]) -> bool:
    """Return whether a test can fail: it asserts, expects an error, or calls a function of its module that does."""
    calls: set[str] = set()
    for node in ast.walk(functions[name]):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            calls.add(ast.unparse(node.func).rpartition(".")[2])
    if any(re.fullmatch(r"assert_\w+|expect|raises|refused|wait_until", call) for call in calls):
        return True
    others = {other: function for other, function in functions.items() if other != name}
    return any(asserts(call, others) for call in calls & others.keys())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:60])
def test_promise_is_held_by_tests(row: str) -> None:
    """Every promise names at least one test of every run, not of the slow ones alone; each is found, and can fail."""
    named = named_in(row)
    assert named or row.endswith("| `./run_tests.sh fast` |")
    for path, name in named:
        functions = {
            node.name: node for node in ast.parse((ROOT / path).read_text()).body if isinstance(node, ast.FunctionDef)
        }
        assert name in functions, f"{path} has no {name}"
        assert asserts(name, functions), f"{path}::{name} asserts nothing"
        assert collected(suite_of(path)).get((path, name)), f"{path}::{name} is not collected, or skipped"
    runs = {collected(suite_of(path))[path, name] for path, name in named}
    assert not runs or 2 in runs, "no test of this promise is in every run"


def test_page_is_read() -> None:
    """The page has promises, in the form that this test reads."""
    assert len(ROWS) > 25


@pytest.mark.parametrize("path", sorted(ROOT.glob("web/requirements*.txt")), ids=lambda path: path.name)
def test_every_dependency_is_pinned_by_its_hash(path: object) -> None:
    """Each line of a lock file has one version, and hashes; so has each package of the frontend's, and no address."""
    text = (ROOT / str(path)).read_text().replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert len(lines) > 30
    assert [line for line in lines if not re.match(r"[a-z0-9.\[\],-]+==\S+.* --hash=sha256:", line)] == []
    lock = ROOT / "web/frontend/package-lock.json"
    packages = json.loads(lock.read_text())["packages"] if lock.exists() else {}
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []
