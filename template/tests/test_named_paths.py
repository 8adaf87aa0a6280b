"""Every path that the documentation names is there. The changelog and the decisions tell of earlier times."""

import re
from pathlib import Path
from typing import Final

from base_project import git
from bedplate.testing.checkout import ROOT

MADE_BY_READERS: Final = re.compile(
    r"web/(templates/)?(shop|notes)/.*"  # the apps of the how-tos
    r"|web/(locale/de/LC_MESSAGES/django\.po|pages/tests/test_support\.py|templates/account/login\.html)"
    r"|web/static/(js|js/htmx\.min\.js|dist)"  # the last one is built
    r"|cron/tasks/check\.sh"
    r"|library/SHA256SUMS"  # in a made project
    r"|library/docs/how-to/add|web/requirements"  # the start of several names: add-…, requirements*.txt
)
HISTORY: Final = ("CHANGELOG.md", "docs/adr/")


def test_paths_that_the_documentation_names() -> None:
    """A file that was moved or removed is not named any more."""
    tracked = [Path(name) for name in git(ROOT, "ls-files", "-z").split("\0") if name]
    known = {path.as_posix() for file in tracked for path in (file, *file.parents)}
    folders = "|".join(sorted({re.escape(file.parts[0]) for file in tracked if len(file.parts) > 1}))
    path = re.compile(rf"(?<![\w./$<{{@:-])(?:\./)?((?:{folders})/[\w./-]*\w)")
    pages = [file for file in tracked if file.suffix == ".md" and not file.as_posix().startswith(HISTORY)]
    named = {(page.as_posix(), name) for page in pages for name in path.findall((ROOT / page).read_text())}
    assert len(named) > 100
    gone = sorted(
        f"{page}: {name}" for page, name in named if name not in known and not MADE_BY_READERS.fullmatch(name)
    )
    assert not gone
