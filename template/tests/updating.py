"""A base project that goes on, and what an update of a project says."""

from base_project import BaseProject, MadeProject
from team import SETTINGS, append, replace


def read_in(project: MadeProject, name: str) -> str:
    """Return the text of a file of the project."""
    return (project.folder / name).read_text()


def improve(upstream: BaseProject) -> str:
    """Let the base project go on in ways that it does; return its commit."""
    replace(upstream.folder / ".env.example.jinja", "# Time zone of pages", "# The time zone of pages")
    replace(upstream.folder / SETTINGS, '"""', '"""Improved: ')
    (upstream.folder / "web/pages/improvement.py").write_text('"""New."""\n')
    replace(upstream.folder / "nginx/snippets/flower.conf", "#", "# Improved.\n#")
    (upstream.folder / "web/users/migrations/0002_improved.py").touch()
    append(upstream.folder / "CHANGELOG.md", "\n### By hand\n\n- Say `docker compose build`\n  once.\n")
    return upstream.commit("Improve")


def refused(project: MadeProject, *options: str, saying: str) -> None:
    """Update nothing; assert that the reason is said."""
    result = project.update(*options)
    assert result.returncode == 1
    assert saying in result.stderr
    assert "Traceback" not in result.stderr
