"""docs/reference/security.md names tests that exist, and the lock files what they promise."""

import ast
import json
import re

import pytest
from checkout import ROOT

PAGE = ROOT / "docs/reference/security.md"
ROWS = [line for line in PAGE.read_text().splitlines() if re.match(r"\| (?!promise|---)", line)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:60])
def test_promise_is_held_by_tests(row: str) -> None:
    """Every promise names a test at least, and each is there."""
    named = re.findall(r"`([\w./]+\.py)::(\w+)`", row.rpartition(" | ")[2])
    assert named or row.endswith("| `./run_tests.sh fast` |")
    for path, name in named:
        functions = [
            node.name for node in ast.parse((ROOT / path).read_text()).body if isinstance(node, ast.FunctionDef)
        ]
        assert name in functions, f"{path} has no {name}"


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
