"""library/docs/how-to/first-server.md, followed."""

import shlex
from pathlib import Path
from typing import Final

from bedplate.testing.checkout import ROOT
from bedplate.testing.compose import run
from documents import commands_of

HOW_TO: Final = ROOT / "library/docs/how-to/first-server.md"


def clone(repository: Path, folder: Path) -> Path:
    """Return this new folder, into which the repository is cloned as the how-to says."""
    command = commands_of(HOW_TO)[0].replace("ADDRESS-OF-YOUR-REPOSITORY", shlex.quote(str(repository)))
    run("bash", "-ec", command.replace("/srv/site", shlex.quote(str(folder))))
    return folder
