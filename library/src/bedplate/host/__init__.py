"""The commands of a project on its machine: `./bedplate`. Standard library only, Python 3.11 or newer.

`cli` reads options and prints, `commands` returns argument lists, `configuration` reads and validates files and
variables.
"""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[4]
"""The checkout that this library belongs to."""
