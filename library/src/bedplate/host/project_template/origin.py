"""Where a project came from, and the versions of the base project that there are."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.host.project_template import TemplateError, releases
from bedplate.host.project_template.git import Repository
from bedplate.host.project_template.rendering import ANSWERS_FILE, Answers, Version

BY_HAND: Final = re.compile(r"^### By hand\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
ENTRY: Final = re.compile(r"^- .*?(?=^- |\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Origin:
    """What a project's answers say: the address of the base project, the commit it was made from, the answers."""

    address: str
    commit: str
    answers: Answers


def read(project: Path) -> Origin:
    """Return where the project came from. Raise TemplateError when its answers do not tell."""
    file = project / ANSWERS_FILE
    try:
        answers = json.loads(file.read_text(encoding="utf-8"))
        return Origin(answers["_src_path"], answers["_commit"], answers)
    except FileNotFoundError:
        why = f"there is no {ANSWERS_FILE} in this folder: it was not made from the base project."
        raise TemplateError(why, "Run this in a project that ./new_project.sh made.") from None
    except (ValueError, KeyError, TypeError) as error:
        why = f"{ANSWERS_FILE} cannot be read: {error!r}."
        raise TemplateError(why, f"Bring it back: git checkout -- {ANSWERS_FILE}") from None


def absolute(address: str, folder: Path) -> str:
    """Return the address so that it means the same in every folder; a path is relative to this one."""
    path = folder / Path(address).expanduser()
    is_url = "://" in address or ":" in address.partition("/")[0]  # https://…, or git@host:path
    return address if is_url and not path.exists() else str(path.resolve())


def clone(address: str, folder: Path) -> Repository:
    """Return a clone of the base project, without files, in a new folder. Raise TemplateError when there is none."""
    try:
        Repository(folder.parent).run("clone", "--quiet", "--no-checkout", "--", address, folder)
    except TemplateError as error:
        why = f"the base project cannot be fetched from {address}:\n{error.why}"
        raise TemplateError(why, "If it is elsewhere now: ./update_project.sh --from ADDRESS-OR-FOLDER") from None
    return Repository(folder)


def version(base: Repository, address: str, revision: str) -> Version:
    """Return the version of the base project with this name. Raise TemplateError when it has none."""
    commit = base.commit_of(f"origin/{revision}") or base.commit_of(revision) or releases.commit_of(base, revision)
    if not commit:
        raise TemplateError(
            f"the base project at {address} has no version {revision}.",
            f"Its releases: {', '.join(releases.releases(base)) or 'none'}. A branch, tag or commit will do as well.",
            "Or name another base project: --from ADDRESS-OR-FOLDER",
        )
    return Version(base, commit, address)


def to_do_by_hand(old: Version, new: Version) -> Iterator[str]:
    """Yield what the newer version's changelog tells teams to do, and the older one's did not."""
    known = set(_entries(old))
    yield from (entry for entry in _entries(new) if entry not in known)


def _entries(version: Version) -> Iterator[str]:
    changelog = version.clone.run("show", f"{version.commit}:CHANGELOG.md")
    for section in BY_HAND.findall(changelog):
        yield from (entry.strip() for entry in ENTRY.findall(section))
