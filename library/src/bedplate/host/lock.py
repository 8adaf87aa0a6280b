"""The lock of this checkout: one install, deploy, rotation or restore at a time holds it."""

import fcntl
import os
from typing import Final

from bedplate.host import ROOT

DESCRIPTOR: Final = 9  # inherited: children of the holder hold the lock, too, even if the holder is killed
FILE: Final = ROOT / "install_docker.sh"


def take() -> bool:
    """Return whether this process has the lock, taken now or inherited from the process that started it."""
    if not _is_inherited():
        os.dup2(os.open(FILE, os.O_RDONLY), DESCRIPTOR, inheritable=True)
    try:
        fcntl.flock(DESCRIPTOR, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_inherited() -> bool:
    try:
        return os.path.samestat(os.fstat(DESCRIPTOR), FILE.stat())
    except OSError:
        return False
