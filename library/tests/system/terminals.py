"""A program on a terminal of its own, as a person starts it."""

import os
import pty
import subprocess
from collections.abc import Mapping
from pathlib import Path


def start(*command: str | Path, environment: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], int]:
    """Return the program, begun, and the descriptor of the person's side of its terminal, to be closed."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        command, env=environment, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
    )
    os.close(terminal)
    return process, controller


def read_until(controller: int, text: bytes) -> bytes:
    """Return what the terminal shows up to this text, or, when that is empty, to its end."""
    shown = b""
    while not text or text not in shown:
        try:
            piece = os.read(controller, 1024)
        except OSError:  # Linux's way of telling that the other side has closed it
            break
        shown += piece
    return shown
