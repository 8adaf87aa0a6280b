import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from django.test import Client
from django_vite.core.asset_loader import DjangoViteAssetLoader
from pytest_django import Settings

from users.models import User

pytestmark = pytest.mark.django_db


def home(client: Client) -> str:
    return client.get("/").content.decode()


def test_it_bears_the_project_s_name(client: Client, configure: Callable[..., None]) -> None:
    configure(project_name="Analytical Engine")
    assert "<h1>Analytical Engine</h1>" in home(client)


def test_on_this_machine_it_leads_everybody_to_what_runs(client: Client, configure: Callable[..., None]) -> None:
    configure(environment="local")
    page = home(client)
    for address in ("/health/ready", "/health/background", "/tasks/", "/flower/", "/mail/", "/admin/"):
        assert f'href="{address}"' in page


def test_embedded_mode_has_no_flower(client: Client, configure: Callable[..., None]) -> None:
    configure(environment="embedded")
    page = home(client)
    assert "/flower/" not in page
    assert "/health/background" not in page


def test_in_production_strangers_learn_nothing_of_the_stack(client: Client, configure: Callable[..., None]) -> None:
    configure(environment="prod")
    page = home(client)
    for word in ("Django", "/health/ready", "/flower/", "/admin/", "/mail/"):
        assert word not in page


def test_in_production_staff_sees_the_stack(client: Client, configure: Callable[..., None], staff: User) -> None:
    configure(environment="prod")
    client.force_login(staff)
    assert "/admin/" in home(client)


def test_without_the_frontend_the_page_needs_none_of_it(client: Client) -> None:
    page = home(client)
    assert "data-component" not in page
    assert "/static/dist/" not in page


@pytest.fixture
def built_frontend(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it a project whose frontend is built."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"src/main.tsx": {"file": "assets/main-1.js", "css": ["assets/main-1.css"]}}))
    settings.FRONTEND = True
    settings.DJANGO_VITE = {"default": {"manifest_path": manifest, "static_url_prefix": "dist"}}
    settings.INSTALLED_APPS = list({*settings.INSTALLED_APPS, "django_vite"})
    monkeypatch.setattr(DjangoViteAssetLoader, "_instance", None)


@pytest.mark.usefixtures("built_frontend")
def test_with_the_frontend_its_assets_are_loaded(client: Client) -> None:
    page = home(client)
    assert 'src="/static/dist/assets/main-1.js"' in page
    assert 'href="/static/dist/assets/main-1.css"' in page


@pytest.mark.usefixtures("built_frontend")
def test_with_the_frontend_the_status_of_the_stack_is_shown_in_the_page_s_language(client: Client) -> None:
    found = re.search(r'data-component="StackStatus" data-props="([^"]*)"', home_in_french(client))
    assert found
    properties = json.loads(unescape(found[1]))
    assert properties["url"] == "/health/ready"
    assert properties["labels"]["checks"]["database"] == "Base de données"


def home_in_french(client: Client) -> str:
    return client.get("/", headers={"Accept-Language": "fr"}).content.decode()
