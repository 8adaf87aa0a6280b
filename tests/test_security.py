"""docs/reference/security.md names tests that are there and check something; the lock files have what they promise.

Whether such a test fails when its promise is broken, its text does not tell.
"""

import ast
import json
import re

import pytest
from checkout import ROOT

PAGE = ROOT / "docs/reference/security.md"
ROWS = [line for line in PAGE.read_text().splitlines() if re.match(r"\| (?!promise|---)", line)]


CHECKS = re.compile(r"\bassert\b|\braises\(|\bexpect\(|\bwait_until|\bassert_\w+\(|\brefuse[sd]\w*\(")
LEFT_OUT = re.compile(r"\bskip\b|\bxfail\b")


def checks_something(function: ast.FunctionDef) -> bool:
    """Return whether the test can fail, and runs everywhere."""
    decorators = " ".join(map(ast.unparse, function.decorator_list))
    return bool(CHECKS.search(ast.unparse(function))) and not LEFT_OUT.search(decorators)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:60])
def test_promise_names_tests_that_check_something(row: str) -> None:
    """Every promise names a test at least; each is there, is left out nowhere, and looks at something."""
    named = re.findall(r"`([\w./]+\.py)::(\w+)`", row.rpartition(" | ")[2])
    assert named or row.endswith("| `./run_tests.sh fast` |")
    for path, name in named:
        body = ast.parse((ROOT / path).read_text()).body
        functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
        assert name in functions, f"{path} has no {name}"
        assert checks_something(functions[name]), f"{path}::{name} checks nothing"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def test() -> None:\n    assert page()", True),
        ("def test() -> None:\n    with pytest.raises(OSError): page()", True),
        ("def test() -> None:\n    page()", False),
        ("@pytest.mark.skip\ndef test() -> None:\n    assert page()", False),
    ],
)
def test_check_is_told_from_a_call(source: str, expected: bool) -> None:
    """What is asked of the named tests can be missing."""
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    assert checks_something(function) is expected


def test_page_is_read() -> None:
    """The page has its promises: what this test takes for one is one."""
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
