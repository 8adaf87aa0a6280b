"""The list of what an archive of pg_dump holds, and what of it a role can restore that is no superuser."""

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bedplate.backup.errors import BackupError

CHOSEN: Final = "chosen.list"

# `pg_restore --list` writes a line for each entry: "3456; 3466 12345 EVENT TRIGGER - name owner".
ENTRY: Final = r"\d+; \d+ \d+ "
COMMENT: Final = re.compile(rf"{ENTRY}COMMENT")
SHOWN: Final = re.compile(rf"{ENTRY}(?:COMMENT \S+ )?")
SUPERUSERS: Final = re.compile(
    rf"{ENTRY}(?:COMMENT \S+ )?(?:ACCESS METHOD|EVENT TRIGGER|FOREIGN DATA WRAPPER|OPERATOR (?:CLASS|FAMILY)"
    r"|PROCEDURAL LANGUAGE|PUBLICATION TABLES IN SCHEMA|SUBSCRIPTION(?: TABLE)?|TEXT SEARCH (?:PARSER|TEMPLATE)"
    r"|TRANSFORM) "
)
# Whether one is of all tables, which is for superusers, its statement alone says.
PUBLICATION: Final = re.compile(rf"{ENTRY}PUBLICATION - ")
FOR_ALL_TABLES: Final = re.compile(r"^CREATE PUBLICATION (.*) FOR ALL TABLES\b", re.MULTILINE)
# What a role gives to others of all that it is going to make.
DEFAULT_PRIVILEGES: Final = re.compile(rf"{ENTRY}DEFAULT ACL ")
# Logins to other servers, with their passwords.
USER_MAPPING: Final = re.compile(rf"{ENTRY}USER MAPPING ")
EXTENSION: Final = re.compile(rf"{ENTRY}EXTENSION - (?P<name>\S+) ")
SCHEMA: Final = re.compile(rf"{ENTRY}SCHEMA - (?P<name>.+) ")  # and its owner
# An extension's owner may comment on it, and no other role.
COMMENT_ON_EXTENSION: Final = re.compile(rf"{ENTRY}COMMENT \S+ EXTENSION ")
CREATE_EXTENSION: Final = re.compile(
    r'^CREATE EXTENSION IF NOT EXISTS ("(?:[^"]|"")+"|\S+) WITH SCHEMA ("(?:[^"]|"")+"|[^\s;]+);$', re.MULTILINE
)


@dataclass(frozen=True, kw_only=True)
class Restorer:
    """Who restores an archive, and into what."""

    superuser: bool = False
    extensions: Mapping[str, str] = field(default_factory=dict)
    """Those that the database has already, each with its schema."""
    strangers: Sequence[str] = ()
    """Roles that it cannot become. What they give to others by default, it cannot set."""
    user_mappings: bool = False
    """Whether the logins to other servers are restored, with their passwords."""


@dataclass(frozen=True, kw_only=True)
class Restorable:
    """What of an archive is restored."""

    file: Path
    """For `pg_restore --use-list`."""
    left_out: tuple[str, ...]
    """What only a superuser may restore."""
    user_mappings: int
    """How many were left out: they hold passwords of other servers."""


@dataclass(frozen=True)
class Archive:
    """A dump in pg_dump's directory format. The lists that are made of it lie beside it."""

    folder: Path

    def extensions(self) -> dict[str, str]:
        """Return the extensions that the archive creates, and the schema of each."""
        entries = [line for line in self._list() if EXTENSION.match(line)]
        if not entries:
            return {}
        statements = self._statements(entries)
        return {_plain(name): _plain(schema) for name, schema in CREATE_EXTENSION.findall(statements)}

    def restorable(self, restorer: Restorer) -> Restorable:
        """Return the entries to restore."""
        kept, left_out, mappings = [], [], 0
        entries = self._list()
        publications = set() if restorer.superuser else self._for_all_tables(entries)
        for line in entries:
            if USER_MAPPING.match(line) and not restorer.user_mappings:
                mappings += 1
            elif restorer.superuser:
                kept.append(line)
            elif SUPERUSERS.match(line) or line in publications:
                left_out.append(_shown(line))
            elif DEFAULT_PRIVILEGES.match(line) and (
                whose := [r for r in restorer.strangers if line.endswith(f" {r}")]
            ):
                left_out.append(f"{_shown(line)} of {whose[0]}")
            elif not _was_made(line, restorer.extensions):
                kept.append(line)
        return Restorable(file=self._chosen(kept), left_out=tuple(left_out), user_mappings=mappings)

    def owners(self, roles: Iterable[str]) -> list[str]:
        """Return those of the roles that own something."""
        entries = [line for line in self._list() if not DEFAULT_PRIVILEGES.match(line)]
        return [role for role in sorted(roles) if any(line.endswith(f" {role}") for line in entries)]

    def _for_all_tables(self, entries: Sequence[str]) -> set[str]:
        """Return the entries of publications of all tables, and of comments on them, which name them as SQL does."""
        found = {line: FOR_ALL_TABLES.search(self._statements([line])) for line in entries if PUBLICATION.match(line)}
        comments = tuple(f"COMMENT - PUBLICATION {match[1]} " for match in found.values() if match)
        about_them = {line for line in entries if COMMENT.sub("COMMENT", line).startswith(comments)}
        return {line for line, match in found.items() if match} | about_them

    def _statements(self, entries: Iterable[str]) -> str:
        return _pg_restore(f"--use-list={self._chosen(entries)}", "--file=-", str(self.folder))

    def _chosen(self, lines: Iterable[str]) -> Path:
        file = self.folder.parent / CHOSEN
        file.write_text("".join(f"{line}\n" for line in lines), errors="surrogateescape")
        return file

    def _list(self) -> Sequence[str]:
        return _pg_restore("--list", str(self.folder)).splitlines()


def _was_made(line: str, made: Mapping[str, str]) -> bool:
    extension, schema = EXTENSION.match(line), SCHEMA.match(line)
    return (
        COMMENT_ON_EXTENSION.match(line) is not None
        or (extension is not None and extension["name"] in made)
        or (schema is not None and schema["name"] in made.values())
    )


def _shown(line: str) -> str:
    """Return an entry without its owner, as people are told of it."""
    entry = SHOWN.sub("", line).rpartition(" ")[0]
    return re.sub("[A-Z]{2,}", lambda word: word[0].lower(), entry).replace(" - ", " ", 1)


def _plain(identifier: str) -> str:
    return identifier[1:-1].replace('""', '"') if identifier.startswith('"') else identifier


def _pg_restore(*arguments: str) -> str:
    result = subprocess.run(
        ["pg_restore", *arguments],
        env=os.environ | {"LC_ALL": "C"},
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
    )
    if result.returncode:
        raise BackupError(f"pg_restore cannot read the dump: {result.stderr.strip()[-500:]}")
    return result.stdout
