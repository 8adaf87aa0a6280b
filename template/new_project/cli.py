"""`./bedplate new`: check, ask, make, commit."""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from bedplate.host import ROOT, interpreters
from bedplate.host.cli.parsers import command_parser
from bedplate.host.console import exit_status, say
from bedplate.host.errors import AbortError
from bedplate.host.project_template import origin
from bedplate.host.project_template.git import Repository
from bedplate.host.project_template.rendering import Renderer, Version

START: Final = {"embedded": "./install_embedded.sh", "docker": "./install_docker.sh"}

NO_SLUG: Final = "site"  # copier.yml's slug for a name without Latin letters

DESCRIPTION: Final = """\
Makes a new project in DIRECTORY, from this clone's last commit: asks at most eight questions, writes the files,
makes the first commit. DIRECTORY must not exist, or be empty. If a step fails, nothing is left behind.
"""
EPILOG: Final = """\
examples:
  ./bedplate new ../flower-shop
  ./bedplate new ../flower-shop --name "Flower Shop" --domain flowers.example --yes --run embedded

Later improvements come with ./bedplate update, in the new project.
Exit status: 0 made, 1 it cannot be done (and is explained), 2 wrong options, 130 interrupted.
"""


@dataclass(frozen=True)
class Options:
    """The options of the command line."""

    directory: Path
    answers: Mapping[str, Any]
    ask: bool
    start: str | None


def parse(arguments: Sequence[str]) -> Options:
    """Return the options. Exit with 2 where they are wrong."""
    parser = command_parser("./bedplate new", DESCRIPTION, EPILOG)
    parser.add_argument("directory", type=Path, metavar="DIRECTORY", help="where the project is going to be")
    answer = parser.add_argument_group("answers", "A question whose option is given is not asked.")
    answer.add_argument("--name", dest="project_name", help="name of the project, as people read it")
    answer.add_argument("--slug", help="its short name: lower case, digits, hyphens (made from the name)")
    answer.add_argument("--domain", help="domain of its site (SLUG.local)")
    answer.add_argument("--admin-email", help="e-mail address of its first user (admin@DOMAIN)")
    answer.add_argument("--time-zone", help="time zone: an IANA name (UTC)")
    answer.add_argument("--frontend", action=argparse.BooleanOptionalAction, help="TypeScript, React and Sass (yes)")
    answer.add_argument("--api", action=argparse.BooleanOptionalAction, help="an HTTP API for programs (yes)")
    answer.add_argument("--licence", "--license", choices=("none", "MIT", "Apache-2.0"), help="of its code (none)")
    parser.add_argument("-y", "--yes", action="store_true", help="ask nothing: defaults for what is not given")
    parser.add_argument("--run", choices=START, dest="start", help="start it at once, without or with Docker")
    given = vars(parser.parse_args(arguments))
    directory, start, yes = given.pop("directory"), given.pop("start"), given.pop("yes")
    answers = {name: value for name, value in given.items() if value is not None}
    return Options(directory, answers, not yes, start)


def check(directory: Path, options: Options) -> None:
    """Raise AbortError where no project can be made."""
    if not shutil.which("git"):
        raise AbortError("git is not installed.", "Install your distribution's package git.")
    if not Repository(ROOT).commit_of("HEAD"):
        raise AbortError("this folder is no clone of the base project.", "git clone it, and run this there.")
    if directory.is_relative_to(ROOT):
        raise AbortError(f"{directory} is inside the base project.", "Name a folder beside it, such as ../flower-shop")
    if os.path.lexists(directory) and (not directory.is_dir() or any(directory.iterdir())):
        raise AbortError(f"{directory} exists, and is not an empty folder.", "Name another one, or move it away.")
    if not directory.parent.is_dir():
        raise AbortError(f"there is no folder {directory.parent}.", f"mkdir -p '{directory.parent}'")
    if not os.access(directory.parent, os.W_OK):
        raise AbortError(f"you may not write in {directory.parent}.", "Name a folder elsewhere.")
    if not Repository(directory.parent).succeeds("var", "GIT_COMMITTER_IDENT"):
        to_do = "git config --global user.name 'Your Name' && git config --global user.email you@example.com"
        raise AbortError("git does not know who makes the first commit.", to_do)
    if not options.ask and "project_name" not in options.answers:
        raise AbortError("the project needs a name.", "Give it: --name 'Flower Shop'")
    if options.ask and not sys.stdin.isatty():
        raise AbortError("there is no terminal to ask at.", "Give --name and --yes.")


def make(directory: Path, options: Options, work: Path) -> None:
    """Make the project in `work`, an empty folder beside `directory`, then move it there."""
    clone = Repository(ROOT)
    commit = clone.run("rev-parse", "HEAD").strip()
    renderer = Renderer(ROOT / ".venv-template")
    renderer.prepare()
    (work / "render").mkdir()
    made = work / "project"
    version = Version(clone, commit, address(clone))
    renderer.render(version, options.answers, made, ask=options.ask, work=work / "render")
    repository = Repository(made)
    repository.run("init", "--quiet", "--initial-branch=main")
    repository.run("add", "--all", "--force")  # also files that a person ignores in all repositories
    # --no-verify: hooks that a person has for all repositories look for programs that are not installed here yet.
    repository.run("commit", "--quiet", "--no-verify", "-m", f"Start from the base project, {commit[:12]}")
    made.replace(directory)


def address(clone: Repository) -> str:
    """Return the base project's address for other people: the origin of this clone, or else this clone."""
    if clone.succeeds("remote", "get-url", "origin"):
        return origin.absolute(clone.run("remote", "get-url", "origin").strip(), clone.folder)
    return str(clone.folder)


def notes(clone: Repository) -> Iterator[str]:
    """Yield notes that a person may not expect."""
    if clone.run("status", "--porcelain"):
        yield "Note: what is not committed in this clone does not come along.\n"
    if clone.succeeds("remote", "get-url", "origin") and not clone.run("branch", "--remotes", "--contains", "HEAD"):
        yield f"Note: {address(clone)} does not have this version yet. Push it: updates look there.\n"


def run(arguments: Sequence[str]) -> None:
    """Make a project; start it if requested."""
    options = parse(arguments)
    interpreters.require(ROOT / ".venv-template")
    directory = options.directory.expanduser().resolve()
    check(directory, options)
    say("".join(notes(Repository(ROOT))), end="")
    with tempfile.TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as work:
        make(directory, options, Path(work))
    say(f"\nMade: {directory}")
    slug = origin.read(directory).answers["slug"]
    if slug == NO_SLUG and "slug" not in options.answers:
        say(f"Its short name is {slug}: its name has no Latin letter to make one of. To choose one: --slug")
    say(f"\nNext:\n  cd '{options.directory}'")
    say("  ./install_docker.sh      # run it in Docker\n  ./install_embedded.sh    # or without")
    if options.start:
        say()
        os.chdir(directory)
        os.execv(START[options.start], [START[options.start]])


def main(arguments: Sequence[str]) -> int:
    """Make a project. Return the exit status."""
    return exit_status(partial(run, arguments), interrupted="Interrupted, nothing was changed.")
