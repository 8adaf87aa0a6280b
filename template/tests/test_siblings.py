"""The base project runs unrendered: files rendered for others say the same as their plain siblings."""

import re
from pathlib import Path

import pytest
from base_project import BaseProject
from bedplate.testing.checkout import ROOT

BEDPLATE = (
    *("--slug", "bedplate", "--domain", "bedplate.local"),
    *("--admin-email", "admin@bedplate.local", "--time-zone", "UTC", "--frontend", "--api"),
)
RENDERED = sorted(path.relative_to(ROOT) for path in ROOT.glob("**/*.jinja") if "node_modules" not in path.parts)
MOST_JINJA_LINES = 41


def test_example_configuration(base: BaseProject, tmp_path: Path) -> None:
    """With Bedplate's own answers, .env.example is Bedplate's own, to the letter."""
    made = base.make(tmp_path / "bedplate", *BEDPLATE, name="Bedplate")
    assert (made.folder / ".env.example").read_text() == (ROOT / ".env.example").read_text()


def test_readme(base: BaseProject, tmp_path: Path) -> None:
    """A project's README is Bedplate's from "Run it" to the license, except for parts that are not copied."""
    answers = ("--domain", "www.example.com", "--admin-email", "you@example.com")
    made = base.make(tmp_path / "acme", *answers)
    texts = ((folder / "README.md").read_text() for folder in (ROOT, made.folder))
    ours, theirs = (text.partition("## Run it")[2].partition("## License")[0] for text in texts)
    assert theirs.splitlines() == [line for line in ours.splitlines() if not line.startswith("| `template/`")]


def test_security_policy(base: BaseProject, tmp_path: Path) -> None:
    """A project's has the same sections, and the team's own address."""
    made = base.make(tmp_path / "acme", "--admin-email", "security@acme.example")
    ours, theirs = ((folder / "docs/SECURITY.md").read_text() for folder in (ROOT, made.folder))
    assert re.findall("^#.*", ours, re.MULTILINE) == re.findall("^#.*", theirs, re.MULTILINE)
    assert "security@acme.example" in theirs
    assert "git log" not in theirs


@pytest.mark.parametrize("path", RENDERED, ids=str)
def test_every_rendered_file_has_a_sibling(path: Path) -> None:
    """Every rendered file has a plain sibling, except the answers, which the base project does not need."""
    assert (ROOT / path.with_suffix("")).exists() or path.name.startswith("{{ _copier_conf.answers_file }}")


def test_little_is_rendered() -> None:
    """Few lines hold Jinja, the questions included."""
    files = [ROOT / "copier.yml", *(ROOT / path for path in RENDERED)]
    lines = [line for file in files for line in file.read_text().splitlines() if re.search(r"\{\{|\{%", line)]
    assert len(lines) <= MOST_JINJA_LINES
