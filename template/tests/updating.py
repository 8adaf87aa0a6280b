"""A base project that changes, and the messages of a project's update."""

from base_project import BaseProject, MadeProject
from team import SETTINGS, append, replace


def read_in(project: MadeProject, name: str) -> str:
    """Return the text of a file of the project."""
    return (project.folder / name).read_text()


def improve(upstream: BaseProject) -> str:
    """Change the base project in typical ways; return its commit."""
    replace(upstream.folder / ".env.example.jinja", "# Time zone of pages", "# The time zone of pages")
    replace(upstream.folder / SETTINGS, '"""', '"""Improved: ')
    (upstream.folder / "web/pages/improvement.py").write_text('"""New."""\n')
    replace(upstream.folder / "nginx/snippets/flower.conf", "#", "# Improved.\n#")
    (upstream.folder / "web/users/migrations/0002_improved.py").touch()
    append(upstream.folder / "CHANGELOG.md", "\n### By hand\n\n- Say `docker compose build`\n  once.\n")
    return upstream.commit("Improve")


def refused(project: MadeProject, *options: str, saying: str) -> None:
    """Update nothing; assert that the reason is given."""
    result = project.update(*options)
    assert result.returncode == 1
    assert saying in result.stderr
    assert "Traceback" not in result.stderr
