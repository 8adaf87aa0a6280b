"""Commands of library/docs/how-to/first-server.md."""

import shlex
from pathlib import Path
from typing import Final

from bedplate.testing.checkout import ROOT
from bedplate.testing.compose import run
from documents import commands_of

HOW_TO: Final = ROOT / "library/docs/how-to/first-server.md"


def clone(repository: Path, folder: Path) -> Path:
    """Return the new folder with a clone of the repository, made as the how-to page says."""
    command = commands_of(HOW_TO)[0].replace("ADDRESS-OF-YOUR-REPOSITORY", shlex.quote(str(repository)))
    run("bash", "-ec", command.replace("/srv/site", shlex.quote(str(folder))))
    return folder
