"""Audits every dependency against databases of vulnerabilities: pip-audit (OSV) for Python, npm audit for Node.

A vulnerability fails the audit, unless web/accepted_vulnerabilities.toml accepts it, with a reason and an end date. A
database that cannot be reached is reported; it fails the audit only with --must-reach.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[4]
ACCEPTED: Final = ROOT / "web/accepted_vulnerabilities.toml"
REQUIREMENTS: Final = ("web/requirements*.txt", "library/src/**/requirements*.txt", "template/**/requirements*.txt")
# Errors of pip-audit if the database does not answer, or answers with an error. Other errors fail the audit.
NO_ANSWER: Final = re.compile(
    r"^(requests\.exceptions\.\w+|pip_audit\.\S*ServiceError|ERROR:.*Could not connect).*", re.MULTILINE
)


class NotReachedError(Exception):
    """A database gave no answer; the message gives the reason."""


@dataclass(frozen=True)
class Vulnerability:
    """A known vulnerability of a package, with all its names."""

    package: str
    names: frozenset[str]
    remedy: str

    def __str__(self) -> str:
        """Return it on one line."""
        return f"{self.package}: {', '.join(sorted(self.names))} ({self.remedy})"


@dataclass(frozen=True)
class Accepted:
    """A vulnerability that the team has reviewed and accepted."""

    id: str
    reason: str
    until: date


def accepted(file: Path) -> list[Accepted]:
    """Return the entries of the file. Raise TypeError if one lacks its reason or its end date."""
    return [Accepted(**entry) for entry in tomllib.loads(file.read_text()).get("accepted", [])]


def audit_python(directory: Path, *, options: Sequence[str]) -> list[Vulnerability]:
    """Return OSV's vulnerabilities of the packages in every hashed requirement file, for this version of Python.

    The files of a folder agree on versions, and are audited together. Files of different folders may not agree, which
    pip-audit refuses.
    """
    files = sorted(file for pattern in REQUIREMENTS for file in directory.glob(pattern))
    return [
        vulnerability
        for _folder, together in groupby(files, key=lambda file: file.parent)
        for vulnerability in ask_osv(together, options=options)
    ]


def ask_osv(files: Iterable[Path], *, options: Sequence[str]) -> list[Vulnerability]:
    """Return OSV's vulnerabilities of the packages in these files. Raise NotReachedError if it does not answer."""
    chosen = [option for file in files for option in ("--requirement", str(file))]
    result = run(
        sys.executable, "-m", "pip_audit", "--vulnerability-service=osv", *options,
        "--require-hashes", "--disable-pip", "--strict", "--format=json", "--progress-spinner=off", *chosen,
    )  # fmt: skip
    if not result.stdout.startswith("{"):
        if no_answer := NO_ANSWER.search(result.stderr):
            raise NotReachedError(no_answer[0])
        raise RuntimeError(f"pip-audit failed:\n{result.stderr}")
    return [
        Vulnerability(
            package=f"{package['name']} {package['version']}",
            names=frozenset({found["id"], *found["aliases"]}),
            remedy=f"fixed in {', '.join(found['fix_versions'])}" if found["fix_versions"] else "not fixed yet",
        )
        for package in json.loads(result.stdout)["dependencies"]
        for found in package["vulns"]
    ]


def audit_node(directory: Path, *, options: Sequence[str]) -> list[Vulnerability]:
    """Return the registry's vulnerabilities of the packages in package-lock.json."""
    result = run("npm", "audit", "--json", "--package-lock-only", "--fetch-retries=0", *options, directory=directory)
    try:
        answer: dict[str, Any] = json.loads(result.stdout)
    except ValueError:
        raise RuntimeError(f"npm audit failed:\n{result.stderr}") from None
    if "vulnerabilities" not in answer:
        if "audit endpoint returned an error" in result.stderr:
            raise NotReachedError(answer.get("message") or answer["error"]["summary"])
        raise RuntimeError(f"npm audit failed:\n{result.stdout}{result.stderr}")
    return [
        Vulnerability(
            package=f"{found['name']} {found['range']}",
            names=frozenset({found["url"].rpartition("/")[2]}),
            remedy=f"{found['severity']}: {found['title']}",
        )
        for package in answer["vulnerabilities"].values()
        for found in package["via"]
        if isinstance(found, dict)  # a string is the package that this one inherits the vulnerability from
    ]


def run(*command: str, directory: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    """Return the result of an audit. Its exit status is not 0 if it finds a vulnerability."""
    return subprocess.run(command, cwd=directory, check=False, capture_output=True, text=True, timeout=600)


def classify(found: Sequence[Vulnerability], known: Sequence[Accepted], *, today: date) -> Iterator[tuple[bool, str]]:
    """Yield for each vulnerability whether it is accepted, and a line about it."""
    for vulnerability in found:
        entry = next((entry for entry in known if entry.id in vulnerability.names), None)
        if entry is None:
            yield False, str(vulnerability)
        elif entry.until < today:
            yield False, f"{vulnerability}; accepted until {entry.until}, which has passed: {entry.reason}"
        else:
            yield True, f"{vulnerability}; accepted until {entry.until}: {entry.reason}"


def report(title: str, audit: Callable[[], list[Vulnerability]], *, known: list[Accepted], must_reach: bool) -> bool:
    """Print the result of an audit; return whether it passes."""
    today = datetime.now(tz=UTC).date()
    try:
        lines = list(classify(audit(), known, today=today))
    except NotReachedError as error:
        say(f"{title}: NOT REACHED, so nothing was audited: {error}")
        return not must_reach
    bad = [line for passes, line in lines if not passes]
    say(f"{title}: {len(bad)} known vulnerabilities, {len(lines) - len(bad)} accepted")
    for passes, line in lines:
        say(f"  {'accepted' if passes else 'VULNERABLE'}  {line}")
    if bad:
        say(f"  To do: use a version without it; or review it, and add it to {ACCEPTED.relative_to(ROOT)}")
    return not bad


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


def main() -> int:
    """Audit all dependencies; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=Path, default=ROOT, help="the project (this one)")
    parser.add_argument("--osv-url", help="another URL of OSV's query API")
    parser.add_argument("--npm-registry", help="another registry for npm audit")
    parser.add_argument("--accepted", type=Path, default=ACCEPTED, help="the list of accepted vulnerabilities")
    parser.add_argument("--must-reach", action="store_true", default=bool(os.environ.get("AUDIT_MUST_REACH")),
                        help="fail if a database cannot be reached; AUDIT_MUST_REACH=yes does the same")  # fmt: skip
    given = parser.parse_args()
    osv = [f"--osv-url={given.osv_url}"] if given.osv_url else []
    registry = [f"--registry={given.npm_registry}"] if given.npm_registry else []
    audits: dict[str, Callable[[], list[Vulnerability]]] = {
        "Python's packages": lambda: audit_python(given.directory, options=osv)
    }
    if (frontend := given.directory / "web/frontend").is_dir():
        audits["Node's packages"] = lambda: audit_node(frontend, options=registry)
    known = accepted(given.accepted)
    passed = [report(title, audit, known=known, must_reach=given.must_reach) for title, audit in audits.items()]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
