"""Names that end in .local need a line in /etc/hosts."""

import os
import sys
from pathlib import Path

from bedplate.host.console import say


def offer(name: str, *, assume_yes: bool) -> None:
    """Add the name to the file if that is allowed and the user agrees; otherwise print the command."""
    file, line = Path(os.environ.get("PROXY_HOSTS_FILE") or "/etc/hosts"), f"127.0.0.1 {name}"
    text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    if name in names(text):
        return
    if os.access(file, os.W_OK) and (assume_yes or agreed(file, line)):
        with file.open("a", encoding="utf-8") as hosts:
            separator = "" if not text or text.endswith("\n") else "\n"
            hosts.write(f"{separator}{line}\n")
        say(f"Added to {file}: {line}")
    else:
        say(f'For http://{name}, if you want it:  echo "{line}" | sudo tee -a {file}')


def names(text: str) -> set[str]:
    """Return the names in a hosts file."""
    return {name for line in text.splitlines() for name in line.partition("#")[0].split()[1:]}


def agreed(file: Path, line: str) -> bool:
    """Return whether the user agrees; without a terminal the answer is no."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        answer = input(f'Add "{line}" to {file}? [Y/n] ')
    except EOFError:
        return False
    return not answer or answer[0] in "Yy"
