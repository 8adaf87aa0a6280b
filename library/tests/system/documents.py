"""Commands that documents show to their readers."""

import re
import shlex
import textwrap
from pathlib import Path


def commands_of(page: Path, *, section: str = "") -> list[str]:
    """Return the commands of a page, or of its section with this title: one per `sh` block."""
    return blocks_of(page, "sh", section=section)


def blocks_of(page: Path, language: str, *, section: str = "") -> list[str]:
    """Return the blocks in this language of a page, or of its section with this title."""
    text = page.read_text()
    if section:
        _, found, rest = text.partition(f"\n## {section}\n")
        assert found, f"{page} has no section {section!r}"
        text = rest.partition("\n## ")[0]
    blocks = re.findall(rf"^( *)```{language}\n(.+?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for _, block in blocks]


def calls_of(commands: str, command: str) -> list[list[str]]:
    """Return the arguments of each of these lines, which all begin with the words of `command`."""
    words = command.split()
    calls = [shlex.split(line, comments=True) for line in commands.splitlines()]
    assert all(call[: len(words)] == words for call in calls)
    return [call[len(words) :] for call in calls]
