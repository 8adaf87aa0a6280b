"""What docs/how-to/remove-*.md say a team can do without: done as they say, in a new project, whose tests then pass."""

import re
import shlex
from pathlib import Path

import pytest
from base_project import BaseProject, MadeProject, git, run, share_environment
from checkout import ROOT
from documents import commands_of

PAGES = sorted(path.name for path in (ROOT / "docs/how-to").glob("remove-*.md"))


@pytest.fixture
def project(base: BaseProject, tmp_path: Path) -> MadeProject:
    """Return a new project with everything, which has its tools."""
    project = base.make(tmp_path / "shop", name="Shop")
    share_environment(ROOT / ".venv", project.folder)
    return project


def remove(project: MadeProject, page: str) -> None:
    """Do what a page says, and commit it. Fail when a command finds nothing to do."""
    commands = "".join(commands_of(project.folder / "docs/how-to" / page))
    named = {word for word in shlex.split(commands) if (project.folder / word).is_file()}
    result = run("bash", "-euo", "pipefail", "-c", commands, folder=project.folder)
    assert result.returncode == 0, result.stderr
    changed = set(git(project.folder, "diff", "HEAD", "--name-only").split())
    assert named - changed == set()
    project.commit(f"Follow {page}")


def dead_references(folder: Path) -> list[str]:
    """Return what pages name that is not there: files that they link to, and the scripts of their commands."""
    dead = []
    for page in [*folder.glob("*.md"), *(folder / "docs").rglob("*.md")]:
        if page.name == "CHANGELOG.md":  # it tells what was
            continue
        text = page.read_text()
        links = re.findall(r"\]\((?!\w+:)([^)#\s]+)", text)
        dead += [f"{page.name}: {link}" for link in links if not (page.parent / link).exists()]
        # The first name what they remove; the other is made from settings, which stay.
        if not page.name.startswith("remove-") and page.name != "settings.md":
            scripts = re.findall(r"(?<![\w/.])\./([\w/]+\.sh)", text)
            dead += [f"{page.name}: ./{script}" for script in scripts if not (folder / script).exists()]
    return dead


def lint(project: MadeProject) -> None:
    """Fail for what a linter finds in seconds."""
    scripts = git(project.folder, "ls-files", "*.sh").split()
    yaml = git(project.folder, "ls-files", "*.yml").split()
    python = ["install", "tests"]
    for folder, command in (
        ("web", ["ruff", "check", "."]),
        ("web", ["ruff", "format", "--check", "."]),
        (".", ["ruff", "check", "--config", "web/pyproject.toml", *python]),
        (".", ["ruff", "format", "--check", "--config", "web/pyproject.toml", *python]),
        (".", ["shellcheck", *scripts]),
        (".", ["yamllint", "--strict", *yaml]),
    ):
        result = run(ROOT / ".venv/bin" / command[0], *command[1:], folder=project.folder / folder)
        assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("page", PAGES)
def test_one_by_one(project: MadeProject, page: str) -> None:
    """Each can go alone: linters find nothing, Python finds all it imports, and the pages' tests pass."""
    before = dead_references(project.folder)
    remove(project, page)
    assert [reference for reference in dead_references(project.folder) if reference not in before] == []
    lint(project)
    result = run(ROOT / ".venv/bin/python", "-m", "pytest", "pages", folder=project.folder / "web")
    assert result.returncode == 0, result.stdout
    summary = "tests/test_install_docker_steps.py::test_summary_tells_how_to_go_on"
    tests = (summary, "tests/test_install_embedded_parts.py", "tests/test_security.py")
    result = run(ROOT / ".venv/bin/python", "-m", "pytest", *tests, folder=project.folder)
    assert result.returncode == 0, result.stdout


def test_all_of_them(project: MadeProject) -> None:
    """A project without any of it passes its fast tests."""
    for page in PAGES:
        remove(project, page)
    (project.folder / ".venv").unlink()
    result = project.test_fast()
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
