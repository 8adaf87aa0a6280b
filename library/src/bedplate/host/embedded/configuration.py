"""The variables of embedded mode: `.env.embedded`, written once and never overwritten."""

import os
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bedplate.host.configuration import env_file
from bedplate.host.embedded.project import Project
from bedplate.host.errors import AbortError

PLACEHOLDER: Final = "change-me"
SHORTEST_SECRET_KEY: Final = 32
IDENTITY: Final = ("PROJECT_NAME", "DOMAIN", "TIME_ZONE", "DEFAULT_USER_EMAIL", "DEFAULT_FROM_EMAIL")
REQUIRED: Final = ("SECRET_KEY", "DEFAULT_USER_EMAIL", "DEFAULT_USER_PASSWORD")
HEADER: Final = """\
# Embedded mode's variables, written by ./install_embedded.sh, which never changes this file again.
# All variables of the application: docs/reference/settings.md
"""
# Our own or the shell's: they would change the import path of the application's Python, or prevent bytecode caching.
REMOVED_VARIABLES: Final = frozenset({"PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"})


def read(file: Path) -> dict[str, str]:
    """Return the variables that `file` sets: one NAME=value per line, quoted as in a shell, `#` for comments.

    Raise AbortError, with the line, for anything else.
    """
    variables = {}
    for number, line in enumerate(_text(file).splitlines(), start=1):
        name, equals, value = line.strip().partition("=")
        if not name or name.startswith("#"):
            continue
        try:
            if not equals or not name.isidentifier():
                raise ValueError("not NAME=value")
            variables[name] = " ".join(shlex.split(value, comments=True))
        except ValueError as error:
            raise AbortError(
                f"{file.name}, line {number}, cannot be read: {error}.", "Correct the line, then run this again."
            ) from None
    return variables


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AbortError(f"{file.name} cannot be read: {error}.", "Fix that, then run this again.") from None


def check(variables: Mapping[str, str], file_name: str) -> None:
    """Raise AbortError, with the names, if a required variable is missing or invalid."""
    problems = [f"{name} {problem}" for name in REQUIRED if (problem := _problem(name, variables.get(name, "")))]
    if problems:
        raise AbortError(
            f"{file_name} is not usable: {'; '.join(problems)}.",
            "Set it there, then run this again.",
            f"Or move {file_name} away: a new one is made, with new secrets.",
        )


def _problem(name: str, value: str) -> str:
    if not value:
        return "is missing or empty"
    if PLACEHOLDER in value:
        return f"still holds the placeholder {PLACEHOLDER!r}"
    if name == "SECRET_KEY" and len(value) < SHORTEST_SECRET_KEY:
        return f"is shorter than {SHORTEST_SECRET_KEY} characters"
    return ""


def new(example: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a new installation: the project's identity from the example, and new secrets."""
    identity = {name: example[name] for name in IDENTITY if example.get(name)}
    return {
        "DEFAULT_USER_EMAIL": "admin@localhost",
        **identity,
        "DEFAULT_USER_PASSWORD": secrets.token_urlsafe(12),
        "SECRET_KEY": secrets.token_urlsafe(48),
    }


def write(file: Path, variables: Mapping[str, str]) -> None:
    """Write `file` atomically, readable only by its owner."""
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in variables.items()]
    env_file.replace(HEADER + "".join(lines), file)


def load(project: Project) -> dict[str, str]:
    """Return the project's variables from its private file, checked; create the file if it is missing."""
    if not project.configuration.exists():
        write(project.configuration, new(read(project.example_configuration)))
    project.configuration.chmod(0o600)
    variables = read(project.configuration)
    check(variables, project.configuration.name)
    return variables


def process_environment(project: Project, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of every process: this one's, then the project's variables, then the mode's fixed ones."""
    inherited = {name: value for name, value in os.environ.items() if name not in REMOVED_VARIABLES}
    fixed = {"ENVIRONMENT": "embedded", "DATA_DIRECTORY": str(project.data), "PYTHONUNBUFFERED": "1"}
    return {"LOG_FORMAT": "text", **inherited, "DEBUG": "false", **variables, **fixed}
