"""Pages with and without the built frontend."""

import json
import re
from html import unescape
from pathlib import Path

import pytest
from django.test import Client
from django_vite.core.asset_loader import DjangoViteAssetLoader
from pytest_django import Settings

from pages.tests.test_home import home

pytestmark = pytest.mark.django_db


def test_without_the_frontend_the_page_loads_none_of_it(client: Client) -> None:
    page = home(client)
    assert "data-component" not in page
    assert "/static/dist/" not in page


@pytest.fixture
def built_frontend(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate a project with a built frontend."""
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
def test_with_the_frontend_the_status_of_the_stack_is_shown(client: Client) -> None:
    found = re.search(r'data-component="StackStatus" data-props="([^"]*)"', home(client))
    assert found
    properties = json.loads(unescape(found[1]))
    assert properties["url"] == "/health/services"
    assert properties["labels"]["checks"]["database"] == "Database"
