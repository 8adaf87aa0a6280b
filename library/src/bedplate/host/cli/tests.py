"""`./run_tests.sh`: linters, types and tests, in parts, each with the tools that it needs."""

import filecmp
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from bedplate.host import ROOT, interpreters
from bedplate.host.console import exit_status, say, write
from bedplate.host.embedded import node
from bedplate.host.embedded.project import Project
from bedplate.host.errors import HostError

PARTS: Final = ("all", "fast", "tools", "stack", "slow")
USAGE: Final = """\
Usage: ./run_tests.sh [all | fast | tools | stack | slow]

  all     fast, tools and stack (the default)
  fast    linters, type checks, the tests of the application on SQLite and of the frontend. No Docker.
  tools   known vulnerabilities of the dependencies, and their licenses. No Docker.
  stack   LOCAL and PROD in real containers, with a real browser (Chromium): logging in, a background task, the
          application's tests on PostgreSQL, a backup and its restore, a deploy

In the base project's own repository, its library is tested too: in fast its applications; in tools backups,
certificates, the install, embedded mode, creation and update of projects; in stack the promises of the documentation.
Not in all: slow, more than an hour, before a release: outages of several machines and of what is around them,
conversions of servers of earlier versions, random interruptions and kills, a soak, and rarer cases of the above.

It installs its tools: Python's in .venv, Node's in web/frontend/node_modules, and Node itself if this
machine has no suitable one. The stack tests need a Docker engine and Chromium; as root on Debian, or when CI
is set, it installs both, and builds the base images if no registry can be reached. The tests use their own
projects, ports and volumes, and clean up.
"""
VENV: Final = ROOT / ".venv"
INSTALL: Final = (  # modules are compiled when they are imported
    ".venv/bin/python -m pip install --no-compile --quiet --disable-pip-version-check --require-hashes --requirement"
)
# The first is that of ./bedplate. With the second, each program would compile Django again: three times as slow.
NOT_INHERITED: Final = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
FRONTEND: Final = ROOT / "web/frontend"
FILES: Final = {
    "scripts": ("*.sh", "bedplate", ".ci/run", ".githooks/*", "cron/recorded", "library/nginx/commands/*"),
    "dockerfiles": ("*Dockerfile*",),
    "yaml": ("*.yml", "*.yaml"),
}
LINTERS_OF_WEB: Final = (
    "ruff check .",
    "ruff format --check .",
    "mypy .",
    "mypy ../tests",
    "djlint templates --check --lint",
)
LINTERS: Final = (
    "ruff check --config web/pyproject.toml tests",
    "ruff format --config web/pyproject.toml --check tests",
)
LINTERS_OF_A_PROJECT: Final = ("PYTHONPATH=library/src python -P -m bedplate.host.library_hashes",)
LINTERS_AT_THE_END: Final = (
    "python -m bedplate.documentation --check",  # the diagram of the services, the index of the pages
    "shellcheck {scripts}",
    "shfmt --indent 2 --case-indent --diff {scripts}",
    "hadolint {dockerfiles}",
    "yamllint --strict {yaml}",
)
# Each exception to a security rule (ruff's S) has its reason in the same line. Conflicts must be resolved before.
REFUSED: Final = {
    "# noqa: S[0-9]+$": "Say why: # noqa: S… - the reason",
    "^(<{7}|>{7}) ": "Resolve these conflicts, and remove the markers.",
}


class Tests:
    """Runs the parts; stops at the first command that fails."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.path = os.environ.get("PATH", "")

    def title(self, text: str) -> None:
        """Print the title of the next step, and the time since the start."""
        seconds = int(time.monotonic() - self.started)
        say(f"\n\033[1m== {text} ({seconds // 60}:{seconds % 60:02})\033[0m")

    def run(self, line: str, folder: Path = ROOT, files: Mapping[str, Sequence[str]] | None = None) -> None:
        """Run a line: variables, a command, names of lists of files in braces. Exit with its status if it fails."""
        words = shlex.split(line, comments=True)
        if not words:
            return
        variables = dict(words.pop(0).split("=", 1) for _ in list(words) if re.match("[A-Z_]+=", words[0]))
        command = [part for word in words for part in ((files or {}).get(word.strip("{}"), [word]))]
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        environment = {**inherited, "PATH": self.path, **variables}
        program = shutil.which(command[0], path=self.path) or command[0]
        status = subprocess.run([program, *command[1:]], cwd=folder, env=environment, check=False).returncode
        if status != 0:
            raise SystemExit(status)

    def run_all(self, lines: Sequence[str], folder: Path = ROOT) -> None:
        """Run lines, one after the other."""
        files = {name: listed(patterns) for name, patterns in FILES.items()}
        for line in lines:
            self.run(line, folder, files)

    def prepare_python(self) -> None:
        """Install Python's tools, if the list of them has changed."""
        self.title("Python's tools, in .venv")
        listed_here, stamp = ROOT / "web/requirements-tools.txt", VENV / ".requirements"
        if not is_copy(listed_here, stamp):
            shutil.rmtree(VENV, ignore_errors=True)
            python = interpreters.find(VENV)
            self.run(f"{shlex.quote(python)} -m venv .venv")
            self.run(f"{INSTALL} web/requirements-tools.txt")
            shutil.copy(listed_here, stamp)
        own, stamp = ROOT / "library/tests/requirements.txt", VENV / ".requirements-tests"
        if own.exists() and not is_copy(own, stamp):  # of the base project
            self.run(f"{INSTALL} library/tests/requirements.txt")
            shutil.copy(own, stamp)
        for packages in VENV.glob("lib/python*/site-packages"):
            file, line = packages / "bedplate.pth", "../../../../library/src\n"  # the library as it is here
            if not file.exists() or file.read_text() != line:  # programs of another run read it, too
                file.write_text(line)
        self.path = f"{VENV / 'bin'}{os.pathsep}{self.path}"

    def prepare_node(self) -> None:
        """Install Node's tools, and Node itself if the machine has no suitable one."""
        if not FRONTEND.is_dir():
            return
        self.title("Node's tools, in web/frontend/node_modules")
        if folder := node.prepare(Project(ROOT)):
            self.path = f"{VENV / 'bin'}{os.pathsep}{folder}{os.pathsep}{self.path}"
        lock, installed = FRONTEND / "package-lock.json", FRONTEND / "node_modules/.lock"
        if not is_copy(lock, installed):
            self.run("npm ci --no-audit --no-fund", FRONTEND)
            shutil.copy(lock, installed)

    def lint(self) -> None:
        """Run linters and type checks."""
        self.title("Linters and types")
        self.run_all(LINTERS_OF_WEB, ROOT / "web")
        self.run_all(LINTERS)
        own = ROOT / "template/linters.txt"
        self.run_all(own.read_text().splitlines() if own.exists() else LINTERS_OF_A_PROJECT)
        for pattern, problem in REFUSED.items():
            found = subprocess.run(["git", "grep", "-nE", pattern], cwd=ROOT, check=False).returncode == 0
            if found:
                raise HostError(problem, "The lines are listed above.")
        self.run_all(LINTERS_AT_THE_END)
        if (ROOT / ".github").is_dir():
            self.run("zizmor --offline --pedantic --quiet --no-progress .github")
        if FRONTEND.is_dir():
            self.run("npm run --silent check", FRONTEND)
        if (FRONTEND / "src/api").is_dir():  # if it is out of date: (cd web/frontend && npm run api)
            self.run("npm run --silent api -- --check", FRONTEND)

    def test_fast(self) -> None:
        """Run the application's tests on SQLite, and the frontend's."""
        self.title("The application's tests, on SQLite")
        workers = "--numprocesses 3 --dist worksteal"  # many of them wait for a worker
        self.run(f"python -m pytest {workers}", ROOT / "web")
        if (ROOT / "library/tests").is_dir():
            self.title("The library's applications, on SQLite")
            self.run(f"python -m pytest library/tests/applications {workers}")
        if FRONTEND.is_dir():
            self.title("The frontend's tests")
            self.run("npm test --silent", FRONTEND)

    def test_tools(self) -> None:
        """Check the dependencies; in the base project, test the library, the install, and new projects."""
        self.title("Known vulnerabilities of the dependencies, and their licenses")
        self.run("python -m bedplate.supply_chain.audit")
        self.run("python -m bedplate.supply_chain.licences --check")
        if (ROOT / "library/tests").is_dir():
            self.prepare_program("ssh-keygen", "openssh-client")  # it verifies our signatures
            self.title("The library: backups and certificates")
            self.run("python -m pytest library -m 'not postgresql and not slow' --numprocesses 3")
            self.title("The install: embedded mode, and invalid input")
            self.run("python -m pytest library/tests/system -m 'not stack and not slow' --numprocesses 3")
        if (ROOT / "template").is_dir():
            self.title("Creation and update of projects")
            self.run("python -m pytest template/tests -m 'not stack and not slow' --numprocesses 3")

    def test_stack(self, *, slow: bool = False) -> None:
        """Run the tests in containers, or the slow ones among them."""
        self.title("A Docker engine, and the base images")
        images = ROOT / "template/base_images"
        if images.is_dir():
            self.run("template/base_images/engine.sh")
            self.run("template/base_images/build.sh")
        if (
            not shutil.which("docker")
            or subprocess.run(["docker", "info"], check=False, capture_output=True).returncode
        ):
            raise HostError("no Docker engine answers.", "Start Docker, or run ./run_tests.sh fast.")
        self.prepare_program("chromium", "chromium")
        if not images.is_dir():
            self.title("The project, in containers")
            self.run("python -m pytest tests")
            return
        self.prepare_program("ssh-keygen", "openssh-client")
        if slow:
            self.title("Three machines, conversions, interruptions, kills, a soak, and rarer cases")
            self.run("python -m pytest library -m 'slow and not postgresql' --numprocesses 3")
            self.run("python -m pytest library/tests/system -m slow --numprocesses 2")
            self.run("python -m pytest template/tests -m slow --numprocesses 3")
            return
        self.title("The stack, in containers")
        self.run("python -m pytest library/tests/system -m 'stack and not slow' --numprocesses 2")  # see conftest.py
        self.title("New projects, in containers, with their tests/")
        self.run("python -m pytest template/tests -m 'stack and not slow' --numprocesses 2 --dist loadfile")

    def prepare_program(self, program: str, package: str) -> None:
        """Install a missing program that the tests run. Raise HostError if that needs a person."""
        if shutil.which(program):
            return
        self.title(program)
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            advice = f'Install your distribution\'s package "{package}".'
            raise HostError(f"the tests need {program} on PATH.", advice)
        self.run("apt-get update -qq")
        self.run(f"apt-get install --yes --no-install-recommends -qq {package}")


def is_copy(list_of_packages: Path, stamp: Path) -> bool:
    """Return whether this list was installed, as the copy beside the packages says."""
    return stamp.exists() and filecmp.cmp(list_of_packages, stamp, shallow=False)


def listed(patterns: Sequence[str]) -> list[str]:
    """Return the tracked and new files that match these patterns."""
    command = ["git", "ls-files", "-co", "--exclude-standard", *patterns]
    found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [name for name in found if (ROOT / name).exists()]


def run_part(part: str) -> None:
    """Prepare the tools, and run the tests of a part."""
    tests = Tests()
    tests.prepare_python()
    tests.prepare_node()
    if part in ("all", "fast"):
        tests.lint()
        tests.test_fast()
    if part in ("all", "tools"):
        tests.test_tools()
    if part in ("all", "stack"):
        tests.test_stack()
    if part == "slow":
        if not (ROOT / "library/tests").is_dir():
            raise HostError("the slow tests are the base project's own.", "Everything here: ./run_tests.sh")
        tests.test_stack(slow=True)
    tests.title("All passed")


def main(arguments: Sequence[str]) -> int:
    """Run a part of the tests. Return the exit status."""
    if {"--help", "-h"} & set(arguments):
        write(USAGE)
        return 0
    part, *others = arguments or ["all"]
    if others or part not in PARTS:
        problem = f"One part at a time: {part}, or {others[0]}." if others else f"There is no part '{part}'."
        write(f"{problem}\n\n{USAGE}", sys.stderr)
        return 2
    return exit_status(partial(run_part, part), interrupted="Interrupted.")
