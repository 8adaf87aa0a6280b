"""Run a program on a separate terminal, as a person starts it."""

import os
import pty
import subprocess
from collections.abc import Mapping
from pathlib import Path


def start(*command: str | Path, environment: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], int]:
    """Return the started program, and the descriptor of the person's side of its terminal, which the caller closes."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        command, env=environment, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
    )
    os.close(terminal)
    return process, controller


def read_until(controller: int, text: bytes) -> bytes:
    """Return the terminal's output up to this text, or, if the text is empty, to its end."""
    shown = b""
    while not text or text not in shown:
        try:
            piece = os.read(controller, 1024)
        except OSError:  # on Linux this means that the other side has closed it
            break
        shown += piece
    return shown
