"""Render the files of a project with Copier, from a version of the base project and the project's answers."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unicodedata import normalize
from zoneinfo import available_timezones

from bedplate.host import library_hashes
from bedplate.host.embedded import packages
from bedplate.host.embedded.project import Stamp, fingerprint
from bedplate.host.errors import AbortError
from bedplate.host.project_template.git import Repository

ANSWERS_FILE: Final = ".copier-answers.yml"  # JSON, which is YAML too
# Blocks of Unicode: Latin with accents, Latin Extended Additional, ligatures, full-width letters; accents on their own.
LATIN: Final = (*range(0xA0, 0x250), *range(0x1E00, 0x1F00), *range(0xFB00, 0xFB07), *range(0xFF10, 0xFF5B))
ACCENTS: Final = range(0x300, 0x370)
# Unicode has no decomposition of these letters.
OTHER_LATIN: Final = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h"}
REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")
PYPROJECT: Final = Path(__file__).resolve().parents[4] / "pyproject.toml"


@dataclass(frozen=True)
class Version:
    """A commit of the base project, in a clone; `address` is its public one."""

    clone: Repository
    commit: str
    address: str

    def __str__(self) -> str:
        """Return the commit's short hash and its date."""
        return self.clone.run("log", "-1", "--format=%h (%cs)", self.commit).strip()


@dataclass(frozen=True)
class Renderer:
    """Copier, in its own virtual environment, created when it is first needed."""

    environment: Path

    def prepare(self) -> None:
        """Install Copier if it is missing. Raise AbortError if that fails."""
        stamp = Stamp(self.environment, fingerprint([], REQUIREMENTS.read_text(), sys.version, sys.base_prefix))
        if stamp.is_current():
            return
        sys.stderr.write("Installing Copier, once …\n")
        shutil.rmtree(self.environment, ignore_errors=True)  # if files remain, the next command fails
        for command in packages.commands(self.environment, REQUIREMENTS, uv=shutil.which("uv")):
            result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if result.returncode != 0:
                raise AbortError(
                    f"Copier could not be installed:\n{result.stdout.strip()}",
                    "Check the connection, and which registry pip and uv are set to; then run this again.",
                )
        stamp.write()

    def render(self, version: Version, answers: Mapping[str, Any], destination: Path, *, ask: bool, work: Path) -> None:
        """Render a project into the new folder `destination`; `work` is an empty folder. Ask for missing answers.

        Raise AbortError for an invalid answer.
        """
        template, library = work / "template", work / "library"
        version.clone.export(version.commit, template)
        # Copier takes some milliseconds for each file, and those of the library are the same in all projects.
        if (template / "library").is_dir():
            (template / "library").rename(library)
        leave_own_files(template, library)
        given = work / "answers.json"
        known = {key: value for key, value in answers.items() if not key.startswith("_")}
        for_templates = {
            "_time_zones": sorted(available_timezones()),
            "_latin": latin_letters(),
            "_updating_version": own_version(),
        }
        given.write_text(json.dumps(known | for_templates))
        copier = self.environment / "bin" / "copier"
        result = subprocess.run(
            copy_command(copier, template, destination, data=given, ask=ask),
            env={
                **os.environ,
                "PATH": str(copier.parent),
            },  # without git, which Copier calls for each file: 3 s
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise failure(result.stderr)
        record(destination / ANSWERS_FILE, version)
        if library.exists():
            library.rename(destination / "library")
        if (destination / "library").is_dir():  # versions before 1.0 had none
            library_hashes.write_list(destination / "library")


def leave_own_files(template: Path, library: Path) -> None:
    """Remove the base project's own files, which copier.yml excludes, too: Copier would check them one by one."""
    for folder in (template / "template", library / "tests"):
        shutil.rmtree(folder, ignore_errors=True)
    for file in library.glob("*.ini"):
        file.unlink()


def own_version() -> str:
    """Return the version of this library."""
    version: str = tomllib.loads(PYPROJECT.read_text())["project"]["version"]
    return version


def latin_letters() -> dict[str, str]:
    """Return the plain Latin text for each accented letter: é → e, ß → ss."""
    letters = {letter: "".join(filter(str.isascii, normalize("NFKD", letter))) for letter in map(chr, LATIN)}
    plain = {letter: text.lower() for letter, text in letters.items() if text.isalnum()}
    other = {case: text for letter, text in OTHER_LATIN.items() for case in (letter, letter.upper()) if len(case) == 1}
    return plain | {"ẞ": "ss", "\u0131": "i"} | other | dict.fromkeys(map(chr, ACCENTS), "")


def copy_command(copier: Path, template: Path, destination: Path, *, data: Path, ask: bool) -> list[str | Path]:
    """Return Copier's command line."""
    unanswered = [] if ask else ["--defaults"]
    return [copier, "copy", "--quiet", *unanswered, "--data-file", data, template, destination]


def failure(said: str) -> AbortError:
    """Return Copier's error message, without the traceback."""
    last = (said.strip().splitlines() or ["Copier failed."])[-1]
    question, separator, why = last.partition("Validation error for question ")[2].partition(": ")
    if separator:
        name = question.strip("'")
        option = "--name" if name == "project_name" else f"--{name.replace('_', '-')}"
        return AbortError(f"{option}: {why}", "Give another one.")
    if "Execution stopped by user" in last:
        raise KeyboardInterrupt
    return AbortError(last)


def record(file: Path, version: Version) -> None:
    """Add the version to the answers: an update needs it."""
    answers = {name: value for name, value in json.loads(file.read_text()).items() if not name.startswith("_")}
    answers |= {"_commit": version.commit, "_src_path": version.address}
    file.write_text(json.dumps(answers, indent=2, ensure_ascii=False, sort_keys=True) + "\n")
