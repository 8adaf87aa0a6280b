"""Projects that were made pass their own tests, and run."""

import json
from html import escape
from pathlib import Path

import pytest
from base_project import BaseProject, MadeProject
from checkout import free_port, unique_slug
from stack.compose import Stack

CHOICES = [("Flower Shop", "--frontend"), ('The "Café" of Ömer & Co', "--no-frontend")]


@pytest.fixture(params=CHOICES, ids=[frontend for _, frontend in CHOICES])
def project(base: BaseProject, tmp_path: Path, request: pytest.FixtureRequest) -> MadeProject:
    """Return a new project, one with and one without a frontend."""
    name, frontend = request.param
    return base.make(tmp_path / "project", frontend, name=name)


def test_its_own_fast_tests_pass(project: MadeProject) -> None:
    """Linters, types, the application's and the frontend's tests: a new project begins green."""
    result = project.test_fast()
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    assert "All passed" in result.stdout


def name_of(project: MadeProject) -> str:
    """Return the project's name, as it was answered."""
    name: str = json.loads((project.folder / ".copier-answers.yml").read_text())["project_name"]
    return name


@pytest.mark.stack
def test_its_stack_runs(project: MadeProject) -> None:
    """./install_docker.sh brings its LOCAL up, and the home page says its name."""
    stack = Stack(directory=project.folder, project=unique_slug(), port=free_port())
    try:
        stack.install()
        page = stack.get("/")
        assert page.status == 200
        assert escape(name_of(project)) in page.text
    finally:
        stack.remove()
