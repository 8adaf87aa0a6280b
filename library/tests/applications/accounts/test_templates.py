"""The library's templates for accounts, forms and errors override django-allauth's; a team's override them."""

import copy
import re
from pathlib import Path
from typing import Final

import bedplate
import pytest
from django.conf import settings as site
from django.contrib.staticfiles import finders
from django.template.loader import get_template
from django.test import Client
from pytest_django import Settings

PAGE: Final = Path(__file__).parents[3] / "docs/how-to/override-a-template.md"
APPLICATIONS: Final = Path(bedplate.__file__).resolve().parent / "django"
TEMPLATES: Final = {
    path.relative_to(folder).as_posix(): path
    for folder in (APPLICATIONS / "accounts/templates", APPLICATIONS / "theme/templates")
    for path in sorted(folder.rglob("*.html"))
}

WITH_PAGE: Final = pytest.mark.skipif(not PAGE.is_file(), reason="an image has no docs")
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]


def test_there_are_templates() -> None:
    assert {"account/login.html", "allauth/layouts/base.html", "forms/field.html", "errors/page.html"} <= {*TEMPLATES}


@pytest.mark.parametrize("name", TEMPLATES)
def test_each_is_found_before_those_of_other_packages(name: str) -> None:
    found = get_template(name).template.origin.name  # type: ignore[attr-defined]
    assert Path(found).resolve() == TEMPLATES[name]


def test_the_message_about_passkeys_has_its_script(client: Client) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert '<script src="/static/js/passkey_error.js" type="module"></script>' in page
    assert finders.find("js/passkey_error.js")


def test_the_librarys_translations_override_those_of_other_packages(client: Client) -> None:
    page = client.get("/accounts/login/", headers={"Accept-Language": "fr"}).content.decode()
    assert "Se connecter avec une clé d\u2019accès" in page
    assert "Les clés d\u2019accès nécessitent JavaScript." in page


@WITH_PAGE
def test_a_team_overrides_one_as_the_page_says(client: Client, settings: Settings, tmp_path: Path) -> None:
    [(name, text)] = re.findall(r"Create `web/templates/([^`]+)`:\n\n```html\n(.*?)```\n", PAGE.read_text(), re.DOTALL)
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(text)
    before = client.get("/accounts/login/").content.decode()
    settings.TEMPLATES = copy.deepcopy(site.TEMPLATES)
    settings.TEMPLATES[0]["DIRS"].insert(0, tmp_path)
    after = client.get("/accounts/login/").content.decode()
    ours = f"<p>{site.ENVIRONMENT.project_name}</p>"
    assert (ours in before, ours in after) == (False, True)
    assert 'name="password"' in before
    assert 'name="password"' in after


@WITH_PAGE
def test_the_names_in_the_how_to_exist() -> None:
    rows = re.findall(r"^\| .+ \| (`(?:accounts|theme)/templates/.+) \|$", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == 4
    for first, *others in (re.findall(r"`([^`]+)`", row) for row in rows):
        folder = APPLICATIONS / Path(first).parent
        assert all(list(folder.glob(Path(name).name)) for name in (first, *others))
