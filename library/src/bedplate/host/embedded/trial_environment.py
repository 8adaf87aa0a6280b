"""Tries whether this Python can make an environment: `python -m bedplate.host.embedded.trial_environment`."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bedplate.host.embedded import packages


def main() -> int:
    """Make an environment in a temporary folder; return the exit status of what makes it."""
    with tempfile.TemporaryDirectory(prefix="trial_environment-") as folder:
        environment = Path(folder, "environment")
        make, _ = packages.commands(environment, Path(), uv=shutil.which("uv"))
        return subprocess.run(make, check=False, capture_output=True).returncode


if __name__ == "__main__":
    sys.exit(main())
