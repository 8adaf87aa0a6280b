"""The origin of a project, and the versions of the base project."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bedplate.host.errors import AbortError
from bedplate.host.project_template import releases
from bedplate.host.project_template.git import Repository
from bedplate.host.project_template.rendering import ANSWERS_FILE, Version

BY_HAND: Final = re.compile(r"^### By hand\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
ENTRY: Final = re.compile(r"^- .*?(?=^- |\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Origin:
    """The base project's address and commit that a project was made from, and the answers."""

    address: str
    commit: str
    answers: Mapping[str, Any]


def read(project: Path) -> Origin:
    """Return the project's origin. Raise AbortError if its answers file is missing or invalid."""
    file = project / ANSWERS_FILE
    try:
        answers = json.loads(file.read_text(encoding="utf-8"))
        return Origin(answers["_src_path"], answers["_commit"], answers)
    except FileNotFoundError:
        why = f"there is no {ANSWERS_FILE} in this folder: it was not made from the base project."
        raise AbortError(why, "Run this in a project that ./bedplate new made.") from None
    except (ValueError, KeyError, TypeError) as error:
        why = f"{ANSWERS_FILE} cannot be read: {error!r}."
        raise AbortError(why, f"Bring it back: git checkout -- {ANSWERS_FILE}") from None


def absolute(address: str, folder: Path) -> str:
    """Return the address as an absolute one; a path is relative to this folder."""
    path = folder / Path(address).expanduser()
    is_url = "://" in address or ":" in address.partition("/")[0]  # https://…, or git@host:path
    return address if is_url and not path.exists() else str(path.resolve())


def clone(address: str, folder: Path) -> Repository:
    """Return a clone of the base project, without files, in a new folder. Raise AbortError if it fails."""
    try:
        Repository(folder.parent).run("clone", "--quiet", "--no-checkout", "--", address, folder)
    except AbortError as error:
        why = f"the base project cannot be fetched from {address}:\n{error.reason}"
        raise AbortError(why, "If it is elsewhere now: ./bedplate update --from ADDRESS-OR-FOLDER") from None
    return Repository(folder)


def version(base: Repository, address: str, revision: str) -> Version:
    """Return the version of the base project with this name. Raise AbortError if there is none."""
    commit = base.commit_of(f"origin/{revision}") or base.commit_of(revision) or releases.commit_of(base, revision)
    if not commit:
        raise AbortError(
            f"the base project at {address} has no version {revision}.",
            f"Its releases: {', '.join(releases.releases(base)) or 'none'}. A branch, tag or commit works, too.",
            "Or name another base project: --from ADDRESS-OR-FOLDER",
        )
    return Version(base, commit, address)


def to_do_by_hand(old: Version, new: Version) -> Iterator[str]:
    """Yield the manual tasks of the newer version's changelog that the older one did not have."""
    known = set(_entries(old))
    yield from (entry for entry in _entries(new) if entry not in known)


def _entries(version: Version) -> Iterator[str]:
    changelog = version.clone.run("show", f"{version.commit}:CHANGELOG.md")
    for section in BY_HAND.findall(changelog):
        yield from (entry.strip() for entry in ENTRY.findall(section))
