"""`-l` with false backups: their text is shown, without effect on the terminal."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import command
import pytest
from bedplate.backup.manifest import Engine
from dated import copied
from project import Project

pytestmark = pytest.mark.usefixtures("without_django")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("[/red]", "[/red] 17"),
        ("[blink]sqlite[/blink]", "[blink]sqlite[/blink] 17"),
        ("\x1b[2J\x1b]0;owned\x07", "[2J]0;owned 17"),
        ("\x9b2Jone\r\ntwo\u202e", "2Jonetwo 17"),
    ],
)
def test_what_a_false_manifest_says_is_a_text(embedded: Project, name: str, shown: str) -> None:
    """The true backup is listed too."""
    made = embedded.back_up()
    false = replace(made, engine=Engine(name=name, version="17"))
    forged = copied(embedded, false, datetime.now(UTC) - timedelta(days=1))
    result = command.run("-l")
    assert result.returncode == 0, result.stderr
    first, second = result.stdout.splitlines()[1:]
    assert str(made.name) in first
    assert str(forged.name) in second
    assert shown in second
    assert all(character.isprintable() for character in result.stdout.replace("\n", ""))
