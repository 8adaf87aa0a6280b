"""`./create_archive.sh`: check, ask, pack."""

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

from bedplate.host.archive.code import Code
from bedplate.host.archive.confidential import is_confidential
from bedplate.host.archive.data import Installation
from bedplate.host.archive.document import Contents, describe
from bedplate.host.archive.questions import Question, ask, require_consent
from bedplate.host.archive.search import Search
from bedplate.host.archive.secret_values import read_secrets
from bedplate.host.archive.zip_file import Archive, writing
from bedplate.host.embedded import RefusalError, configuration
from bedplate.host.embedded.console import exit_status, say, step

ROOT: Final = Path(__file__).resolve().parents[5]
SPARE: Final = 50 << 20
DOCUMENT: Final = "HAND_OVER.md"

DESCRIPTION: Final = """\
Packs this project into a zip, for a client or another company: the code as it is committed, without its history, and
without .env, secrets, credentials and caches; if wanted, the database and the uploaded files of what is installed here,
with personal data anonymised; and HAND_OVER.md, which says how to build, run, migrate and restore it.

All of it is searched for the secrets of this installation. One that is found stops it: file and line are named.

On a terminal it asks for what is not given. Elsewhere, and with --yes, what is not given is left out.
"""
EPILOG: Final = """\
examples:
  ./create_archive.sh                                    asks
  ./create_archive.sh --yes                              the code alone, into SLUG-DATE.zip
  ./create_archive.sh --database --media --output ../acme.zip

The live database is only read. The zip is readable by you alone (0600), and is there whole or not at all.
Exit status: 0 made, 1 it cannot be done (and is explained), 2 wrong options, 130 interrupted.
"""


@dataclass(frozen=True)
class Wanted:
    """What goes into the archive, and where it is put."""

    database: bool
    media: bool
    anonymised: bool
    output: Path

    @property
    def parts(self) -> list[str]:
        """The parts of the data."""
        return [name for name, wanted in (("database", self.database), ("media", self.media)) if wanted]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options. Exit with 2 where they are wrong."""
    parser = argparse.ArgumentParser(
        prog="./create_archive.sh",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the zip (SLUG-DATE.zip, in this folder)")
    parser.add_argument("--database", action=argparse.BooleanOptionalAction, help="a dump for stock pg_restore")
    parser.add_argument("--media", action=argparse.BooleanOptionalAction, help="the files that people uploaded")
    parser.add_argument("--not-anonymised", action="store_true", help="with all personal data, as they are")
    parser.add_argument(
        "--yes-personal-data", metavar="SLUG", help="with --not-anonymised: the project's slug, in place of typing it"
    )
    parser.add_argument("--embedded", action="store_true", help="the data of embedded mode, where both are installed")
    parser.add_argument("-y", "--yes", action="store_true", help="ask nothing; go on with uncommitted changes left out")
    return parser.parse_args(arguments)


def identity(root: Path) -> dict[str, str]:
    """Return the variables that say which project this is."""
    files = [root / name for name in (".env", ".env.embedded", ".env.example")]
    variables: dict[str, str] = {}
    for file in files:
        if file.exists():
            variables = configuration.read(file) | variables
    return {"COMPOSE_PROJECT_NAME": "project", "PROJECT_NAME": "The project"} | variables


def decide(options: argparse.Namespace, code: Code, slug: str) -> Wanted:
    """Return what is wanted, having asked for what is not given. Raise RefusalError where it cannot be."""
    question = Question(asks=not options.yes and sys.stdin.isatty() and sys.stdout.isatty())
    if (changes := code.uncommitted()) and not options.yes:
        shown = [*changes[:10], *([f"… and {len(changes) - 10} more"] if changes[10:] else [])]
        if not question.asks:
            raise RefusalError(
                "there are changes that are not committed, and would not be in the archive:",
                *shown,
                "Commit them, or go on without them: --yes",
            )
        say("\n".join(["Not committed, so not in the archive:", *(f"  {line}" for line in shown)]))
        if not question.yes_or_no("Go on without them?"):
            raise RefusalError("the changes are not committed.", "Commit them, then run this again.")
    database = ask(options.database, lambda: question.yes_or_no("Include the database?"))
    media = ask(options.media, lambda: question.yes_or_no("Include the uploaded files (media)?"))
    default = Path(f"{slug}-{time.strftime('%Y-%m-%d')}.zip")
    output: Path = options.output or question.file("Where to", default)
    if options.not_anonymised:
        if not database and not media:
            raise RefusalError("--not-anonymised says how to treat the data, and none are wanted.", "Add --database")
        require_consent(question, slug, given=options.yes_personal_data)
    return Wanted(database, media, not options.not_anonymised, output.expanduser().absolute())


def check(wanted: Wanted, code: Code) -> None:
    """Raise RefusalError where the zip cannot be written."""
    output = wanted.output
    if output.exists() or output.is_symlink():
        raise RefusalError(f"{output} exists.", "Name another file, or move it away: --output FILE")
    if not output.parent.is_dir():
        raise RefusalError(f"there is no folder {output.parent}.", f"mkdir -p '{output.parent}'")
    if not os.access(output.parent, os.W_OK):
        raise RefusalError(f"you may not write in {output.parent}.", "Name a file elsewhere: --output FILE")
    needed, free = code.size() + SPARE, shutil.disk_usage(output.parent).free
    if needed > free:
        raise RefusalError(
            f"{output.parent} has {free >> 20} MB of disk free, the code alone takes up to {needed >> 20}.",
            "Make room, or put it elsewhere: --output FILE",
        )


def pack(wanted: Wanted, code: Code, installation: Installation | None, variables: dict[str, str]) -> list[str]:
    """Write the archive; return the committed files that were left out."""
    search = Search.of(read_secrets(code.folder))
    for place in search.not_searchable:
        say(f"Note: too short to be searched for, so look yourself: {place}")
    with writing(wanted.output, folder=wanted.output.stem, search=search) as archive:
        with step("Pack the code"):
            left_out = [name for part in code.everything() for name in pack_code(archive, part)]
            search.require_nothing_found()
        if installation:
            say("Pack the data")
            with installation.export(wanted.parts, anonymised=wanted.anonymised) as tar:
                archive.add_tar(tar)
        contents = Contents(
            name=variables["PROJECT_NAME"],
            commit=code.commit,
            date=time.strftime("%Y-%m-%d"),
            database=installation.database_file if installation and wanted.database else "",
            media=archive.has("media/"),
            anonymised=wanted.anonymised,
            embedded=installation is not None and installation.embedded,
        )
        archive.add_text(DOCUMENT, describe(contents))
        search.require_nothing_found()
    return [name for name in left_out if name != DOCUMENT]


def pack_code(archive: Archive, code: Code) -> list[str]:
    """Add the files of a repository; return those that were left out."""
    with code.tar() as tar:
        return archive.add_tar(tar, leave_out=lambda name: name == DOCUMENT or is_confidential(name))


def run(arguments: Sequence[str]) -> None:
    """Do what the command line says."""
    options = parse(arguments)
    code = Code.read(ROOT)
    variables = identity(ROOT)
    wanted = decide(options, code, variables["COMPOSE_PROJECT_NAME"])
    check(wanted, code)
    installation = Installation.find(ROOT, embedded=options.embedded) if wanted.parts else None
    if installation:
        installation.require_running_engine()
    left_out = pack(wanted, code, installation, variables)
    if left_out:
        say("Committed, but not in the archive, as they may hold secrets or are no code:")
        say("\n".join(f"  {name}" for name in left_out))
    size = wanted.output.stat().st_size
    how = "anonymised" if wanted.anonymised else "with ALL PERSONAL DATA"
    data = f"{' and '.join(wanted.parts)} ({how})" if wanted.parts else "no data"
    say(f"\nMade {wanted.output}: {size / 1e6:.1f} MB, {code.commit[:12]} of {code.date} ({code.subject}), {data}.")
    say("HAND_OVER.md in it says how to build, run and restore it.")


if __name__ == "__main__":
    sys.exit(exit_status(partial(run, sys.argv[1:]), interrupted="Interrupted: there is no archive."))
