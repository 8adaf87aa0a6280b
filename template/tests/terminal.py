"""A person at a terminal: reads a program's output there, and types."""

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from base_project import GIT_IDENTITY

LIMIT: Final = 60.0  # seconds to wait for something
# Copier's prompts ask a terminal where its cursor is, and wait for the answer.
WHERE_IS_THE_CURSOR, HERE = b"\x1b[6n", b"\x1b[1;1R"
CONTROL_SEQUENCE: Final = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
ENTER, CLEAR_LINE, CTRL_C, DOWN = "\r", "\x15", "\x03", "\x1b[B"


class Terminal:
    """The terminal of one process."""

    def __init__(self, process: subprocess.Popen[bytes], end: int) -> None:
        """Use this end of the pseudo-terminal whose other end the process has."""
        self.process, self._end = process, end
        self._shown = b""
        self._seen = 0  # the position that `expect` has reached

    @property
    def text(self) -> str:
        """All output so far, without the movements of the cursor."""
        return CONTROL_SEQUENCE.sub(b"", self._shown).decode(errors="replace")

    def expect(self, text: str) -> None:
        """Return once the text is shown, after the previously expected one. Fail after the time limit."""
        deadline = time.monotonic() + LIMIT
        while (found := self.text.find(text, self._seen)) < 0:
            assert self._read(), f"ended without {text!r}:\n{self.text}"
            assert time.monotonic() < deadline, f"not within {LIMIT} s: {text!r}\n{self.text}"
        self._seen = found + len(text)

    def type(self, keys: str) -> None:
        """Press these keys."""
        os.write(self._end, keys.encode())

    def wait(self) -> int:
        """Return the exit status, once the program has ended and all its output was read."""
        deadline = time.monotonic() + LIMIT
        while self._read():
            assert time.monotonic() < deadline, f"not ended within {LIMIT} s:\n{self.text}"
        return self.process.wait(LIMIT)

    def _read(self) -> bool:
        """Read the output of the next moment, if any; return whether there can be more."""
        if not select.select([self._end], [], [], 0.1)[0]:
            return True
        try:
            data = os.read(self._end, 65536)
        except OSError:  # on Linux this means that the other end is closed
            return False
        if WHERE_IS_THE_CURSOR in data:
            os.write(self._end, HERE)
        self._shown += data
        return bool(data)


@contextmanager
def at_terminal(*command: str | Path, folder: Path) -> Iterator[Terminal]:
    """Run the command at a terminal; end it, if it still runs at the end."""
    end, other = pty.openpty()
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **GIT_IDENTITY, "TERM": "xterm"},
        stdin=other,
        stdout=other,
        stderr=other,
        start_new_session=True,
    ) as process:
        os.close(other)
        try:
            yield Terminal(process, end)
        finally:
            process.kill()
            os.close(end)
