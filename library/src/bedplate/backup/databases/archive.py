"""The list of what an archive of pg_dump holds, and what of it a role can restore that is no superuser."""

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.backup.errors import BackupError

EXTENSIONS: Final = "extensions.list"
RESTORABLE: Final = "restorable.list"

# `pg_restore --list` writes a line for each entry: "3456; 3466 12345 EVENT TRIGGER - name owner".
ENTRY: Final = r"\d+; \d+ \d+ "
SUPERUSERS: Final = re.compile(
    rf"{ENTRY}(?:COMMENT \S+ )?(?P<object>(?:ACCESS METHOD|EVENT TRIGGER|FOREIGN DATA WRAPPER|OPERATOR (?:CLASS|FAMILY)"
    r"|PROCEDURAL LANGUAGE|SUBSCRIPTION(?: TABLE)?|TEXT SEARCH (?:PARSER|TEMPLATE)|TRANSFORM) .*)"
)
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
        chosen = self.folder.parent / EXTENSIONS
        chosen.write_text("".join(f"{line}\n" for line in entries))
        statements = _pg_restore(f"--use-list={chosen}", "--file=-", str(self.folder))
        return {_plain(name): _plain(schema) for name, schema in CREATE_EXTENSION.findall(statements)}

    def restorable(self, made: Mapping[str, str]) -> Restorable:
        """Return the entries to restore, where these extensions, each with its schema, have been made beforehand."""
        kept, left_out, mappings = [], [], 0
        for line in self._list():
            if found := SUPERUSERS.match(line):
                left_out.append(_shown(found["object"]))
            elif USER_MAPPING.match(line):
                mappings += 1
            elif not _was_made(line, made):
                kept.append(line)
        return Restorable(file=self._chosen(kept), left_out=tuple(left_out), user_mappings=mappings)

    def without_user_mappings(self) -> Path:
        """Return a file for `pg_restore --use-list`: all but the logins of roles to other servers."""
        return self._chosen(line for line in self._list() if not USER_MAPPING.match(line))

    def _chosen(self, lines: Iterable[str]) -> Path:
        file = self.folder.parent / RESTORABLE
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


def _shown(entry: str) -> str:
    """Return an entry without its owner, as people are told of it."""
    kind = re.sub("[A-Z]{2,}", lambda word: word[0].lower(), entry.rpartition(" ")[0])
    return kind.replace(" - ", " ", 1)


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
