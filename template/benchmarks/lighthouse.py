#!/usr/bin/env python3
"""Prints Lighthouse's scores of PROD's home, login, account and operations pages. The goal is 100 in each category.

Run it with the tests' Python: .venv/bin/python template/benchmarks/lighthouse.py
It needs Docker, Chromium and npm, and takes five minutes. It installs PROD in a folder of its own, and removes it.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "library/src"))

from bedplate.testing.server import DOMAIN, EMAIL, Server, running
from bedplate.testing.visitor import Visitor

LIGHTHOUSE: Final = "lighthouse@13.5.0"
GOAL: Final = 100
PAGES: Final = {
    "home": "/",
    "login": "/accounts/login/",
    "account": "/accounts/email/",
    "operations": "/operations/",
}
FOR_EVERYONE: Final = ("home", "login")
CATEGORIES: Final = ("performance", "accessibility", "best-practices", "seo")


def staff(server: Server) -> Visitor:
    """Return the first user, signed in with a second factor."""
    visitor, password = server.visitor(), server.secret("default_user_password").strip()
    if not (visitor.log_in(EMAIL, password) and visitor.set_up_second_factor(password)):
        raise SystemExit("The first user could not sign in.")
    return visitor


def audit(program: Path, server: Server, path: str, *, cookies: str, folder: Path) -> dict[str, Any]:
    """Return Lighthouse's report on the page, of a desktop computer."""
    report, headers = folder / "report.json", folder / "headers.json"
    headers.write_text(json.dumps({"Cookie": cookies} if cookies else {}))
    flags = f"--headless=new --no-sandbox --ignore-certificate-errors --host-resolver-rules='MAP {DOMAIN} 127.0.0.1'"
    command: list[str | Path] = [
        program, f"{server.url}{path}", "--quiet", "--preset=desktop", "--output=json", f"--output-path={report}",
        f"--extra-headers={headers}", f"--chrome-flags={flags}", f"--only-categories={','.join(CATEGORIES)}",
    ]  # fmt: skip
    environment = os.environ | {"CHROME_PATH": shutil.which("chromium") or "chromium"}
    subprocess.run(command, check=True, env=environment, timeout=300)
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def faults(report: dict[str, Any], category: str) -> list[str]:
    """Return the titles of the audits that take points away."""
    parts = report["categories"][category]["auditRefs"]
    audits = [report["audits"][part["id"]] for part in parts if part["weight"]]
    return [f"{found['id']}: {found['title']}" for found in audits if found["score"] not in (None, 1)]


def say(*words: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{'  '.join(words)}\n")
    sys.stdout.flush()


def main() -> int:
    """Print the scores, and what takes points away. Return 1 if one is below the goal."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    lowest = GOAL
    with TemporaryDirectory() as name, running("prod", Path(name) / "site") as server:
        folder = Path(name)
        subprocess.run(["npm", "install", "--silent", "--prefix", folder / "lighthouse", LIGHTHOUSE], check=True)
        program = folder / "lighthouse/node_modules/.bin/lighthouse"
        signed_in = "; ".join(f"{key}={found.value}" for key, found in staff(server).cookies.items())
        for page, path in PAGES.items():
            cookies = "" if page in FOR_EVERYONE else signed_in
            report = audit(program, server, path, cookies=cookies, folder=folder)
            scores = {category: round(100 * report["categories"][category]["score"]) for category in CATEGORIES}
            say(page, *(f"{category} {score}" for category, score in scores.items()))
            for category, score in scores.items():
                lowest = min(lowest, score)
                for fault in faults(report, category) if score < GOAL else ():
                    say("", fault)
    return int(lowest < GOAL)


if __name__ == "__main__":
    sys.exit(main())
