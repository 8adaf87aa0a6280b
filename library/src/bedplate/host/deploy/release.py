"""The running release, the next one, and the previous ones.

They are variables in `.env`: RELEASE, NGINX_RELEASE and PREVIOUS_RELEASES change atomically.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import file_digest, sha256
from typing import Final

from bedplate.host import ROOT
from bedplate.host.configuration import env_file
from bedplate.host.configuration.environment import Environment
from bedplate.host.programs import attempt

CANDIDATE: Final = ".env.release.new"  # the future `.env`
KEPT: Final = 3  # the running one, and two to go back to
TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
RESTART: Final = re.compile(r"-restart-.*$")


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A deploy from the old release to the new one, and its options."""

    environment: Environment
    old: str
    new: str
    earlier: str
    """The future PREVIOUS_RELEASES."""
    pull: str
    rollback: bool
    restart: bool
    backup: bool
    wait: int
    """Seconds for a container to become healthy."""

    @property
    def builds(self) -> bool:
        """True if images are built or pulled, the data backed up and the database migrated."""
        return not self.rollback and not self.restart

    def image(self, part: str, release: str) -> str:
        """Return the name of an image."""
        return f"{env_file.get('REGISTRY')}{env_file.get('COMPOSE_PROJECT_NAME')}-{part}:{release}"

    def values(self, nginx_release: str) -> dict[str, str]:
        """Return the variables of the new release."""
        return {"RELEASE": self.new, "NGINX_RELEASE": nginx_release, "PREVIOUS_RELEASES": self.earlier}

    def write_candidate(self, nginx_release: str = "") -> None:
        """Write the future `.env`; nginx may keep an earlier release."""
        text = env_file.with_values(env_file.text_of(env_file.FILE), self.values(nginx_release or self.new))
        env_file.replace(text, ROOT / CANDIDATE)

    def write_release(self) -> None:
        """Switch to the new release atomically. Other changes in `.env` stay."""
        nginx_release = env_file.read(ROOT / CANDIDATE)["NGINX_RELEASE"]
        env_file.replace(env_file.with_values(env_file.text_of(env_file.FILE), self.values(nginx_release)))


def newest(old: str, new: str, previous: str) -> str:
    """Return the old release and the earlier ones that are kept beside the new one."""
    others = [release for release in previous.split() if release not in (old, new)]
    return " ".join([old, *others][: KEPT - 1])


def name_of_build() -> str:
    """Return the name of a release that is built now: time, commit, and a digest of uncommitted changes."""
    name = timestamp()
    if has_git():
        name += f"-{git('rev-parse', '--short', 'HEAD')}"
        if git("status", "--porcelain"):
            name += f"-dirty-{digest_of_changes()}"
    return name


def name_of_restart(release: str) -> str:
    """Return another name for a release, to distinguish its containers from the earlier ones.

    The name has a time in seconds: a second restart within the same second waits for the next one.
    """
    while (name := f"{RESTART.sub('', release)}-restart-{timestamp()}") == release:
        time.sleep(0.1)
    return name


def timestamp() -> str:
    """Return the time as the beginning of a release's name."""
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S")


def git(*arguments: str) -> str:
    """Return git's output."""
    return attempt(["git", *arguments]).stdout.strip()


def has_git() -> bool:
    """Return whether this folder is a git checkout with a commit."""
    try:
        return (ROOT / ".git").exists() and bool(git("rev-parse", "--quiet", "--verify", "HEAD"))
    except OSError:  # without git
        return False


def digest_of_changes() -> str:
    """Return a digest, of seven digits, of the uncommitted changes including new files."""
    digest = sha256(git("diff", "--no-color", "--no-ext-diff", "--binary", "HEAD").encode())
    for name in new_files():
        digest.update(os.fsencode(f"\0{name}\0"))
        with suppress(OSError):  # only the name of an unreadable file counts
            if (ROOT / name).is_file():
                with (ROOT / name).open("rb") as file:
                    digest.update(file_digest(file, "sha256").digest())
    return digest.hexdigest()[:7]


def new_files() -> Iterator[str]:
    """Yield the files that are untracked and not ignored."""
    listed = attempt(["git", "ls-files", "--others", "--exclude-standard", "-z"]).stdout
    return (name for name in sorted(listed.split("\0")) if name)
