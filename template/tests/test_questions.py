"""`./bedplate new` at a terminal: its questions, their order, and the result of the answers."""

import json
from pathlib import Path

from base_project import BaseProject
from terminal import CLEAR_LINE, CTRL_C, DOWN, ENTER, at_terminal

# Shown texts, one after the other, and the keys typed then.
CONVERSATION = [
    (["Name of the project"], "Flower Shop" + ENTER),
    (["Its short name", "flower-shop"], CLEAR_LINE + "class" + ENTER),
    (["class is reserved: try class-site."], CLEAR_LINE + "flowers" + ENTER),
    (["Domain of its site", "flowers.local"], CLEAR_LINE + "flowers.example" + ENTER),
    (["E-mail address of its first user", "admin@flowers.example"], ENTER),
    (["Time zone"], CLEAR_LINE + "Mars/Olympus" + ENTER),
    (["Not a time zone. Try Europe/Zurich."], CLEAR_LINE + "Europe/Zurich" + ENTER),
    (["TypeScript, React and Sass"], "n"),
    (["An HTTP API for programs"], "n"),
    (["License of its code", "None: all rights reserved"], DOWN + ENTER),
]


def test_eight_questions_are_asked(base: BaseProject, tmp_path: Path) -> None:
    """Each has a default made from earlier answers; an invalid answer gets a reason, and can be corrected."""
    shop = tmp_path / "shop"
    with at_terminal(base.folder / "bedplate", "new", shop, folder=tmp_path) as terminal:
        for shown, typed in CONVERSATION:
            for text in shown:
                terminal.expect(text)
            terminal.type(typed)
        terminal.expect("Made: ")
        assert terminal.wait() == 0
    answers = json.loads((shop / ".copier-answers.yml").read_text())
    assert {name: value for name, value in answers.items() if not name.startswith("_")} == {
        "project_name": "Flower Shop",
        "slug": "flowers",
        "domain": "flowers.example",
        "admin_email": "admin@flowers.example",
        "time_zone": "Europe/Zurich",
        "frontend": False,
        "api": False,
        "licence": "MIT",
    }
    assert not (shop / "web/frontend").exists()
    assert not (shop / "web/api").exists()


def test_given_options_are_not_asked_for(base: BaseProject, tmp_path: Path) -> None:
    """Options answer their questions."""
    options = ("--name", "Shop", "--slug", "shop", "--domain", "shop.example", "--admin-email", "a@shop.example")
    with at_terminal(
        base.folder / "bedplate", "new", "shop", *options, "--no-frontend", "--api", folder=tmp_path
    ) as terminal:
        terminal.expect("Time zone")
        terminal.type(ENTER)
        terminal.expect("License of its code")
        terminal.type(ENTER)
        assert terminal.wait() == 0
    assert not (tmp_path / "shop/LICENSE").exists()
    assert "Its short name" not in terminal.text
    assert "TypeScript" not in terminal.text
    assert "for programs" not in terminal.text


def test_ctrl_c_at_a_question(base: BaseProject, tmp_path: Path) -> None:
    """A canceled command leaves nothing behind."""
    with at_terminal(base.folder / "bedplate", "new", "shop", folder=tmp_path) as terminal:
        terminal.expect("Name of the project")
        terminal.type("Flower Sh" + CTRL_C)
        terminal.expect("Interrupted, nothing was changed")
        assert terminal.wait() == 130
    assert list(tmp_path.iterdir()) == []
