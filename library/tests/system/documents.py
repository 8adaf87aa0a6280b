"""The commands that documents tell their readers to run."""

import re
import shlex
import textwrap
from pathlib import Path


def commands_of(page: Path, *, section: str = "") -> list[str]:
    """Return the commands of a page, or of the one section of it with this title: a block of `sh` each."""
    text = page.read_text()
    if section:
        _, found, rest = text.partition(f"\n## {section}\n")
        assert found, f"{page} has no section {section!r}"
        text = rest.partition("\n## ")[0]
    blocks = re.findall(r"^( *)```sh\n(.+?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for _, block in blocks]


def calls_of(commands: str, script: str) -> list[list[str]]:
    """Return the arguments of each of these commands, which all call the script."""
    calls = [shlex.split(line, comments=True) for line in commands.splitlines()]
    assert {called for called, *_ in calls} == {script}
    return [arguments for _, *arguments in calls]
