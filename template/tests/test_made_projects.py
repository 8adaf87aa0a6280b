"""New projects pass their own tests, and run."""

import json
import re
from html import escape
from pathlib import Path
from typing import Final

import pytest
from base_project import BaseProject, MadeProject, git
from bedplate.testing.checkout import ROOT, free_port, unique_slug
from bedplate.testing.compose import Stack, run

CHOICES = [
    ("Flower Shop", ("--frontend", "--api")),
    ('The "Café" of Ömer & Co', ("--no-frontend", "--no-api")),
]


@pytest.fixture(
    params=[pytest.param(CHOICES[0], marks=pytest.mark.slow), CHOICES[1]],  # the first: as test_additions.py
    ids=[" ".join(options) for _, options in CHOICES],
)
def project(base: BaseProject, tmp_path: Path, request: pytest.FixtureRequest) -> MadeProject:
    """Return a new project, one with and one without a frontend and an API."""
    name, options = request.param
    return base.make(tmp_path / "project", *options, name=name)


def add_examples(project: MadeProject) -> None:
    """Add the tests that library/docs/how-to/write-tests.md shows: two of an app, one of the whole project."""
    page = (ROOT / "library/docs/how-to/write-tests.md").read_text()
    app, task, whole = re.findall(r"^```python\n(.+?)^```$", page, re.MULTILINE | re.DOTALL)
    (project.folder / "web/pages/tests/test_example.py").write_text(app)
    (project.folder / "web/pages/tests/test_example_task.py").write_text(task)
    (project.folder / "tests/test_example.py").write_text(f'"""An example."""\n\n{whole}')


def test_its_own_fast_tests_pass(project: MadeProject) -> None:
    """Linters, types, the application's and the frontend's tests: a new project begins green, with a team's tests."""
    add_examples(project)
    result = project.test_fast()
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    assert "All passed" in result.stdout


def test_pages_are_opened_by_visit() -> None:
    """No test opens a page in a way that fails when a container of another test starts or stops."""
    tests = git(ROOT, "ls-files", "tests/*.py", "*/tests/*.py").splitlines()
    assert [name for name in tests if re.search(r"[.]goto[(]", (ROOT / name).read_text())] == []


# This fails if the tests of a project start the stack of another one.
NAME: Final = '''"""The project's own name."""

import os

from bedplate.testing.browser import visit
from bedplate.testing.compose import Stack
from playwright.sync_api import Page, expect


def test_name(page: Page, stack: Stack) -> None:
    """This project is what runs, under a name that the base project's test knows."""
    assert stack.project.startswith(os.environ["TEST_SLUG_PREFIX"])
    visit(page, "/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Flower Shop")
'''


def name_of(project: MadeProject) -> str:
    """Return the project's name, from its answers."""
    name: str = json.loads((project.folder / ".copier-answers.yml").read_text())["project_name"]
    return name


INNER: Final = f"{unique_slug()}-inner-"  # of the stacks of its tests


def left_by_tests() -> list[str]:
    """Return the containers, volumes, networks and images of its tests that Docker still has."""
    named = {"ps --all": "{{.Names}}", "volume ls": "{{.Name}}", "network ls": "{{.Name}}"}
    listed = [run("docker", *what.split(), "--format", name) for what, name in named.items()]
    names = "\n".join([*listed, run("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}")]).split()
    return sorted(name for name in names if name.startswith(INNER))


@pytest.mark.stack
def test_its_own_stack_tests_pass(base: BaseProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LOCAL and PROD, a login, a task, a backup, a deploy: a new project begins green, and nothing of it is left."""
    monkeypatch.setenv("TEST_SLUG_PREFIX", INNER)
    project = base.make(tmp_path / "shop", name="Flower Shop")
    add_examples(project)
    (project.folder / "tests/test_name.py").write_text(NAME)
    result = project.test_stack()
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    assert "All passed" in result.stdout
    assert left_by_tests() == []


@pytest.mark.stack
@pytest.mark.parametrize("project", [CHOICES[1]], ids=["--no-frontend --no-api"], indirect=True)
def test_its_stack_runs(project: MadeProject) -> None:
    """./install_docker.sh starts its LOCAL, and the home page has its name, however it is written."""
    stack = Stack(directory=project.folder, project=unique_slug(), port=free_port())
    try:
        stack.install()
        page = stack.get("/")
        assert page.status == 200
        assert escape(name_of(project)) in page.text
    finally:
        stack.remove()
