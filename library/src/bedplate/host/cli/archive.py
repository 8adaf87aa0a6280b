"""`./bedplate archive`: check, ask, pack."""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bedplate.host import ROOT
from bedplate.host.archive.code import Code
from bedplate.host.archive.confidential import is_confidential
from bedplate.host.archive.data import InstalledData
from bedplate.host.archive.document import ArchiveContents, describe
from bedplate.host.archive.questions import Question, ask, require_consent
from bedplate.host.archive.search import Search
from bedplate.host.archive.secret_values import read_secrets
from bedplate.host.archive.zip_file import Archive, writing
from bedplate.host.cli.parsers import command_parser
from bedplate.host.console import exit_status, say, step
from bedplate.host.embedded import configuration
from bedplate.host.errors import AbortError

SPARE: Final = 50 << 20
DOCUMENT: Final = "HAND_OVER.md"

DESCRIPTION: Final = """\
Packs this project into a zip, for a client or another company: the committed code, without its history, and
without .env, secrets, credentials and caches; as an option, the database and the uploaded files of this installation,
with personal data anonymized; and HAND_OVER.md, which says how to build, run, migrate and restore it.

All content is searched for the secrets of this installation. If one is found, the command fails with file and line.

On a terminal it asks for missing options. Otherwise, and with --yes, these parts are left out.
"""
EPILOG: Final = """\
examples:
  ./bedplate archive                                    asks
  ./bedplate archive --yes                              only the code, into SLUG-DATE.zip
  ./bedplate archive --database --media --output ../acme.zip

The live database is only read. Only you can read the zip (0600). It is written completely or not at all.
Exit status: 0 made, 1 failed (with the reason), 2 invalid usage, 130 interrupted.
"""


@dataclass(frozen=True)
class ArchiveRequest:
    """The parts of an archive, and its file."""

    database: bool
    media: bool
    anonymised: bool
    output: Path

    @property
    def signature(self) -> Path:
        """The file with the signature of the archive."""
        return self.output.with_name(f"{self.output.name}.sig")

    @property
    def parts(self) -> list[str]:
        """The names of the requested data."""
        return [name for name, included in (("database", self.database), ("media", self.media)) if included]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options. Exit with 2 if they are invalid."""
    parser = command_parser("./bedplate archive", DESCRIPTION, EPILOG)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the zip (SLUG-DATE.zip, in this folder)")
    parser.add_argument("--database", action=argparse.BooleanOptionalAction, help="a dump for stock pg_restore")
    parser.add_argument("--media", action=argparse.BooleanOptionalAction, help="the uploaded files")
    parser.add_argument("--not-anonymised", action="store_true", help="with all personal data, unchanged")
    parser.add_argument(
        "--yes-personal-data", metavar="SLUG", help="with --not-anonymised: the project's slug, instead of typing it"
    )
    parser.add_argument("--embedded", action="store_true", help="the data of embedded mode, if both are installed")
    parser.add_argument("-y", "--yes", action="store_true", help="ask nothing; leave out uncommitted changes")
    return parser.parse_args(arguments)


def identity(root: Path) -> dict[str, str]:
    """Return the variables that identify the project."""
    files = [root / name for name in (".env", ".env.embedded", ".env.example")]
    variables: dict[str, str] = {}
    for file in files:
        if file.exists():
            variables = configuration.read(file) | variables
    return {"COMPOSE_PROJECT_NAME": "project", "PROJECT_NAME": "The project"} | variables


def decide(options: argparse.Namespace, code: Code, slug: str) -> ArchiveRequest:
    """Return the request; ask for missing options. Raise AbortError if it is impossible."""
    question = Question(asks=not options.yes and sys.stdin.isatty() and sys.stdout.isatty())
    if (changes := code.uncommitted()) and not options.yes:
        shown = [*changes[:10], *([f"… and {len(changes) - 10} more"] if changes[10:] else [])]
        if not question.asks:
            raise AbortError(
                "there are changes that are not committed, and would not be in the archive:",
                *shown,
                "Commit them, or continue without them: --yes",
            )
        say("\n".join(["Not committed, so not in the archive:", *(f"  {line}" for line in shown)]))
        if not question.yes_or_no("Continue without them?"):
            raise AbortError("the changes are not committed.", "Commit them, then run this again.")
    database = ask(options.database, lambda: question.yes_or_no("Include the database?"))
    media = ask(options.media, lambda: question.yes_or_no("Include the uploaded files (media)?"))
    default = Path(f"{slug}-{time.strftime('%Y-%m-%d')}.zip")
    output: Path = options.output or question.file("Where to", default)
    if options.not_anonymised:
        if not database and not media:
            raise AbortError("--not-anonymised is for the data, and none are requested.", "Add --database")
        require_consent(question, slug, given=options.yes_personal_data)
    return ArchiveRequest(database, media, not options.not_anonymised, output.expanduser().absolute())


def check(request: ArchiveRequest, code: Code) -> None:
    """Raise AbortError if the zip cannot be written."""
    output = request.output
    for file in (output, request.signature):
        if file.exists() or file.is_symlink():
            raise AbortError(f"{file} exists.", "Name another file, or move it away: --output FILE")
    if not output.parent.is_dir():
        raise AbortError(f"there is no folder {output.parent}.", f"mkdir -p '{output.parent}'")
    if not os.access(output.parent, os.W_OK):
        raise AbortError(f"you may not write in {output.parent}.", "Name a file elsewhere: --output FILE")
    needed, free = code.size() + SPARE, shutil.disk_usage(output.parent).free
    if needed > free:
        raise AbortError(
            f"{output.parent} has {free >> 20} MB of disk free, the code alone takes up to {needed >> 20}.",
            "Make room, or put it elsewhere: --output FILE",
        )


def pack(
    request: ArchiveRequest, code: Code, installation: InstalledData | None, variables: dict[str, str]
) -> list[str]:
    """Write the archive; return the committed files that were left out."""
    search = Search.of(read_secrets(code.folder))
    for place in search.not_searchable:
        say(f"Note: too short to be searched for, so check by hand: {place}")
    with writing(request.output, folder=request.output.stem, search=search) as archive:
        with step("Pack the code"):
            left_out = [name for part in code.everything() for name in pack_code(archive, part)]
            search.require_nothing_found()
        if installation:
            say("Pack the data")
            with installation.export(request.parts, anonymised=request.anonymised) as tar:
                archive.add_tar(tar)
        contents = ArchiveContents(
            name=variables["PROJECT_NAME"],
            commit=code.commit,
            date=time.strftime("%Y-%m-%d"),
            database=installation.database_file if installation and request.database else "",
            media=archive.has("media/"),
            anonymised=request.anonymised,
            embedded=installation is not None and installation.embedded,
        )
        archive.add_text(DOCUMENT, describe(contents))
        search.require_nothing_found()
    return [name for name in left_out if name != DOCUMENT]


def sign(request: ArchiveRequest, installation: InstalledData) -> None:
    """Write the archive's signature beside it."""
    with step("Sign the archive"):
        request.signature.write_bytes(installation.sign(request.output))


def pack_code(archive: Archive, code: Code) -> list[str]:
    """Add the files of a repository; return those that were left out."""
    with code.tar() as tar:
        return archive.add_tar(tar, leave_out=lambda name: name == DOCUMENT or is_confidential(name))


def run(arguments: Sequence[str]) -> None:
    """Run the command line."""
    options = parse(arguments)
    code = Code.read(ROOT)
    variables = identity(ROOT)
    request = decide(options, code, variables["COMPOSE_PROJECT_NAME"])
    check(request, code)
    installation = InstalledData.find(ROOT, embedded=options.embedded) if request.parts else None
    if installation:
        installation.require_running_engine()
    left_out = pack(request, code, installation, variables)
    if installation:
        sign(request, installation)
    if left_out:
        say("Committed, but not in the archive, as they may contain secrets or are not code:")
        say("\n".join(f"  {name}" for name in left_out))
    size = request.output.stat().st_size
    how = "anonymized" if request.anonymised else "with ALL PERSONAL DATA"
    data = f"{' and '.join(request.parts)} ({how})" if request.parts else "no data"
    say(f"\nMade {request.output}: {size / 1e6:.1f} MB, {code.commit[:12]} of {code.date} ({code.subject}), {data}.")
    say("HAND_OVER.md in it explains how to build, run and restore it.")
    if installation:
        say(f"{request.signature.name} is its signature: library/docs/how-to/hand-over.md")


def main(arguments: Sequence[str]) -> int:
    """Create an archive. Return the exit status."""
    return exit_status(partial(run, arguments), interrupted="Interrupted: there is no archive.")
