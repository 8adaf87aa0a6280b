"""The releases of the base project: the commits that set the library's version. A copy may lack the tags."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Final

from bedplate.host.errors import AbortError
from bedplate.host.project_template.git import Repository

FILE: Final = "library/pyproject.toml"
VERSION: Final = re.compile(r"v?(\d+(?:\.\d+){0,2})")
PARTS: Final = 3


def releases(base: Repository) -> Mapping[str, str]:
    """Return the commits of the main branch's releases by version, oldest first; if set twice, the last commit.

    A development version, such as 1.1.0.dev0 between two releases, is not a release.
    """
    if base.run("rev-parse", "--is-shallow-repository").strip() == "true":
        why = "the copy of the base project has no history (it is shallow), so its releases are not known."
        raise AbortError(why, "There: git fetch --unshallow. Or name a commit: --to COMMIT")
    main = "origin/HEAD" if base.commit_of("origin/HEAD") else "HEAD"
    found: dict[str, str] = {}
    before: str | None = None
    for commit in base.run("rev-list", "--first-parent", "--reverse", main, "--", FILE).split():
        version = version_in(base, commit)
        if version and version != before and VERSION.fullmatch(version):
            found[version] = commit
        before = version
    return found


def version_in(base: Repository, commit: str) -> str | None:
    """Return the library's version in a commit, or None."""
    if not base.succeeds("cat-file", "-e", f"{commit}:{FILE}"):
        return None
    version: str = tomllib.loads(base.run("show", f"{commit}:{FILE}"))["project"]["version"]
    return version


def commit_of(base: Repository, revision: str) -> str | None:
    """Return the commit of a release: 1.0 and v1.0 mean 1.0.0. Return None if there is no such release."""
    match = VERSION.fullmatch(revision)
    if not match:
        return None
    version = match[1] + ".0" * (PARTS - 1 - match[1].count("."))
    tagged = (base.commit_of(f"refs/tags/{tag}") for tag in tags(match[1], version))
    return next(filter(None, tagged), None) or releases(base).get(version)


def tags(*versions: str) -> Iterator[str]:
    """Yield the possible tags of a release."""
    for version in versions:
        yield from (f"v{version}", version)
