"""Typical changes of a team to its project, which an update must keep."""

import re
from pathlib import Path
from typing import Final

from base_project import MadeProject, git
from bedplate.testing.checkout import ROOT

SETTINGS: Final = "web/config/settings.py"
COMPOSE: Final = "docker-compose.yml"
MARKED: Final = re.compile(r"<<<<<<< YOURS\n(.*?)=======\n.*?>>>>>>> BASE_PROJECT\n", re.DOTALL)
SITE: Final = "nginx/templates/site.conf.template"
INCLUDED: Final = "    include snippets/flower.conf;\n"
FLOWER_OF_NGINX: Final = "nginx/snippets/flower.conf"  # Celery's page, not the team's flowers

# An app with a model, its migration, and its rules for a copy of production's data.
APP: Final = {
    "__init__.py": "",
    "apps.py": '''"""The application `flowers`."""

from django.apps import AppConfig


class FlowersConfig(AppConfig):
    """What the shop sells."""

    name = "flowers"
''',
    "models.py": '''"""Flowers."""

from django.db import models


class Flower(models.Model):
    """One that can be bought."""

    color = models.CharField(max_length=20)

    def __str__(self) -> str:
        return self.color
''',
    "anonymisation.py": '''"""What becomes of flowers in a copy of production's data."""

from anonymising.registry import rules
from anonymising.rules import Keep
from flowers.models import Flower

rules(Flower, color=Keep())
''',
    "migrations/__init__.py": "",
    "migrations/0001_initial.py": """from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Flower",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("color", models.CharField(max_length=20)),
            ],
        ),
    ]
""",
    "tests/__init__.py": "",
    "tests/test_flowers.py": """import pytest

from flowers.models import Flower


@pytest.mark.django_db
def test_a_flower_is_called_by_its_color() -> None:
    assert str(Flower.objects.create(color="red")) == "red"
""",
}


def replace(file: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def append(file: Path, text: str) -> None:
    """Add a text at the end."""
    file.write_text(file.read_text() + text)


def change(project: MadeProject) -> None:
    """Change what teams change: an app, settings, a service, a package, a page; Flower is gone. All is committed."""
    for name, text in APP.items():
        file = project.folder / "web/flowers" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    replace(project.folder / SETTINGS, '    "pages",\n', '    "pages",\n    "flowers",\n')
    append(project.folder / SETTINGS, '\nFLOWERS = "red"\n')
    compose = project.folder / "docker-compose.yml"
    replace(compose, "services:\n", "services:\n  search:\n    image: search:1\n\n")
    compose.write_text(re.sub(r"(?m)^  flower:\n(    .*\n)+\n", "", compose.read_text()))
    replace(project.folder / "web/Dockerfile", "WORKDIR /app\n", "WORKDIR /app\nRUN echo a package\n")
    replace(project.folder / "web/templates/footer.html", "<footer", "<!-- ours -->\n<footer")
    replace(project.folder / SITE, INCLUDED, "")
    (project.folder / FLOWER_OF_NGINX).unlink()
    project.commit("What a team does")


def decide(project: MadeProject) -> None:
    """Resolve lines that both sides changed: no Flower, else the base project's side. Make the picture."""
    for path in git(project.folder, "diff", "--name-only", "--diff-filter=U").split():
        file = project.folder / path
        if path == COMPOSE:
            file.write_text(MARKED.sub(r"\1", file.read_text()))
        else:
            assert path == SITE, path
            git(project.folder, "checkout", "--theirs", "--", path)
            replace(file, INCLUDED, "")
        git(project.folder, "add", "--", path)
    python = ROOT / ".venv/bin/python"
    documented = project.run(python, "-m", "bedplate.documentation")  # the picture has their services
    assert documented.returncode == 0, documented.stderr


def assert_kept(project: MadeProject) -> None:
    """Assert that all changes of the team are there, and that Flower is not."""

    def read(name: str) -> str:
        return (project.folder / name).read_text()

    for name, text in APP.items():
        assert read(f"web/flowers/{name}") == text
    assert '    "flowers",\n' in read(SETTINGS)
    assert '\nFLOWERS = "red"\n' in read(SETTINGS)
    assert "image: search:1" in read("docker-compose.yml")
    assert not re.search(r"(?m)^  flower:", read("docker-compose.yml"))
    assert "RUN echo a package" in read("web/Dockerfile")
    assert "<!-- ours -->" in read("web/templates/footer.html")
    assert INCLUDED not in read(SITE)
    assert not (project.folder / FLOWER_OF_NGINX).exists()
