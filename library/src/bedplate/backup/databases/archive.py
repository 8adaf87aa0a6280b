"""The list of entries in an archive of pg_dump, and which of them a role without superuser rights can restore."""

import os
import re
import subprocess
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.backup.errors import BackupError

CHOSEN: Final = "chosen.list"
LATER: Final = "later.list"
ASKED: Final = "asked.list"

# `pg_restore --list` writes a line for each entry: "3456; 3466 12345 EVENT TRIGGER - name owner".
ENTRY: Final = r"\d+; \d+ \d+ "
SUPERUSERS: Final = re.compile(
    rf"{ENTRY}(?:ACCESS METHOD|EVENT TRIGGER|FOREIGN DATA WRAPPER|OPERATOR (?:CLASS|FAMILY)|PROCEDURAL LANGUAGE"
    r"|PUBLICATION TABLES IN SCHEMA|SUBSCRIPTION(?: TABLE)?|TEXT SEARCH (?:PARSER|TEMPLATE)|TRANSFORM) "
)
# Only its statement shows whether it is for all tables, which requires a superuser.
PUBLICATION: Final = re.compile(rf"{ENTRY}PUBLICATION - ")
FOR_ALL_TABLES: Final = re.compile(r'^CREATE PUBLICATION (?:"(?:[^"]|"")*"|[^\s"]+) FOR ALL TABLES\b', re.MULTILINE)
# Entries about an object, which may be refused although the object is restored.
ABOUT_OBJECTS: Final = re.compile(rf"{ENTRY}(?:ACL|COMMENT|DEFAULT ACL|SECURITY LABEL) ")
FUNCTION: Final = re.compile(rf"{ENTRY}(?:FUNCTION|PROCEDURE) ")
SECURITY_DEFINER: Final = re.compile(r"^    .*\bSECURITY DEFINER\b", re.MULTILINE)
# Logins to other servers, with their passwords.
USER_MAPPING: Final = re.compile(rf"{ENTRY}USER MAPPING ")
INDEX_ATTACH: Final = re.compile(rf"{ENTRY}INDEX ATTACH ")
EXTENSION: Final = re.compile(rf"{ENTRY}EXTENSION - (?P<name>\S+) ")
SCHEMA: Final = re.compile(rf"{ENTRY}SCHEMA - (?P<name>.+) ")  # and its owner
CREATE_EXTENSION: Final = re.compile(
    r'^CREATE EXTENSION IF NOT EXISTS ("(?:[^"]|"")+"|\S+) WITH SCHEMA ("(?:[^"]|"")+"|[^\s;]+);$', re.MULTILINE
)


@dataclass(frozen=True, kw_only=True)
class Restorer:
    """A role without superuser rights that restores an archive, and its target database."""

    extensions: Collection[str] = ()
    """The extensions that the database already has."""
    schemas: Collection[str] = ()
    """The schemas that the database already has."""
    user_mappings: bool = False
    """Restore the logins to other servers, with their passwords."""


@dataclass(frozen=True, kw_only=True)
class Restorable:
    """The entries of an archive to restore."""

    file: Path
    """For `pg_restore --use-list`."""
    later: Path
    """The same for grants and comments, some of which may be refused."""
    left_out: tuple[str, ...]
    """The entries that only a superuser may restore."""
    user_mappings: int
    """The number of those left out: they hold passwords of other servers."""


@dataclass(frozen=True)
class Archive:
    """A dump in pg_dump's directory format. Lists of its entries are written beside it."""

    folder: Path

    def extensions(self) -> dict[str, str]:
        """Return the extensions that the archive creates, and the schema of each."""
        entries = [line for line in self._list() if EXTENSION.match(line)]
        if not entries:
            return {}
        statements = self._statements(entries)
        return {_plain(name): _plain(schema) for name, schema in CREATE_EXTENSION.findall(statements)}

    def attaches_indexes(self) -> bool:
        """Return whether the archive attaches indexes of partitions to those of their tables."""
        return any(INDEX_ATTACH.match(line) for line in self._list())

    def restorable(self, restorer: Restorer) -> Restorable:
        """Return the entries to restore."""
        kept, later, left_out, mappings = [], [], [], 0
        entries = self._list()
        publications = self._for_all_tables(entries)
        for line in entries:
            extension, schema = EXTENSION.match(line), SCHEMA.match(line)
            if SUPERUSERS.match(line) or line in publications:
                left_out.append(_shown(line))
            elif USER_MAPPING.match(line) and not restorer.user_mappings:
                mappings += 1
            elif ABOUT_OBJECTS.match(line):
                later.append(line)
            elif not (extension and extension["name"] in restorer.extensions) and not (
                schema and schema["name"] in restorer.schemas
            ):
                kept.append(line)
        return Restorable(
            file=self._chosen(kept),
            later=self._chosen(later, LATER),
            left_out=tuple(left_out),
            user_mappings=mappings,
        )

    def without_user_mappings(self) -> Path:
        """Return a file for `pg_restore --use-list`: all but the logins of roles to other servers."""
        return self._chosen(line for line in self._list() if not USER_MAPPING.match(line))

    def owned(self, roles: Collection[str], *, user: str) -> dict[str, list[str]]:
        """Return those of the roles that own something, each with its functions that run with their owner's rights."""
        found: dict[str, list[str]] = {}
        for line in self._list():
            # The last words of a line; a role's name may be the end of another's.
            owner = max((role for role in {*roles, user} if line.endswith(f" {role}")), key=len, default=user)
            if owner != user and not ABOUT_OBJECTS.match(line):
                functions = found.setdefault(owner, [])
                if FUNCTION.match(line) and SECURITY_DEFINER.search(self._statements([line])):
                    functions.append(_shown(line))
        return found

    def _for_all_tables(self, entries: Iterable[str]) -> set[str]:
        """Return the entries of publications of all tables."""
        publications = (line for line in entries if PUBLICATION.match(line))
        return {line for line in publications if FOR_ALL_TABLES.search(self._statements([line]))}

    def _statements(self, entries: Iterable[str]) -> str:
        return _pg_restore(f"--use-list={self._chosen(entries, ASKED)}", "--file=-", str(self.folder))

    def _chosen(self, lines: Iterable[str], name: str = CHOSEN) -> Path:
        file = self.folder.parent / name
        file.write_text("".join(f"{line}\n" for line in lines), errors="surrogateescape", newline="\n")
        return file

    def _list(self) -> Sequence[str]:
        # Not splitlines(): a name may contain a Unicode line separator.
        return _pg_restore("--list", str(self.folder)).split("\n")


def _shown(line: str) -> str:
    """Return an entry without its owner, for messages."""
    entry = re.sub(f"^{ENTRY}", "", line).rpartition(" ")[0]
    kind = re.sub("[A-Z]{2,}", lambda word: word[0].lower(), entry).replace(" - ", " ", 1)
    return kind.encode(errors="surrogateescape").decode(errors="replace")  # the list is in the database's encoding


def _plain(identifier: str) -> str:
    return identifier[1:-1].replace('""', '"') if identifier.startswith('"') else identifier


def _pg_restore(*arguments: str) -> str:
    result = subprocess.run(
        ["pg_restore", *arguments],
        env=os.environ | {"LC_ALL": "C"},
        capture_output=True,
        check=False,
    )
    if result.returncode:
        raise BackupError(f"pg_restore cannot read the dump: {result.stderr.decode(errors='replace').strip()[-500:]}")
    return result.stdout.decode(errors="surrogateescape")
