"""Copies of this checkout to install and break: no test touches the developer's own `.env`, volumes or containers."""

import secrets
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent


def copy_checkout(destination: Path) -> Path:
    """Return `destination`, made with the files git knows and those it would: not what it ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():  # git still lists what was removed but not committed
            (destination / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, destination / name, follow_symlinks=False)
    return destination


def free_port() -> int:
    """Return a TCP port of this machine that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def unique_slug() -> str:
    """Return a project name that no other test run has: `bedplate-test-3f2a9c`."""
    return f"bedplate-test-{secrets.token_hex(3)}"
