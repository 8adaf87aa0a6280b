"""`manage.py page_weight`, with a frontend and static files of its own."""

import json
from io import StringIO
from pathlib import Path
from typing import Any, Final

import brotli  # type: ignore[import-untyped]
import pytest
from bedplate.django.development.page_weight import weights
from django.core.management import CommandError, call_command
from pytest_django import Settings

MANIFEST: Final[dict[str, dict[str, Any]]] = {
    "src/main.tsx": {"file": "main.js", "css": ["main.css"], "imports": ["_shared.js"], "isEntry": True},
    "_shared.js": {"file": "shared.js", "imports": ["_shared.js"]},
    "src/render.tsx": {"file": "render.js"},
    "src/components/Shown.tsx": {"file": "Shown.js", "css": ["Shown.css"], "imports": ["_shared.js"]},
    "src/components/Other.tsx": {"file": "Other.js"},
}
MAIN = '<link rel="stylesheet" href="/static/dist/main.css"><script type="module" src="/static/dist/main.js"></script>'


@pytest.fixture(autouse=True)
def static(settings: Settings, tmp_path: Path) -> Path:
    """Return the folder of a built frontend."""
    folder = tmp_path / "dist"
    folder.mkdir()
    for entry in MANIFEST.values():
        for name in (entry["file"], *entry.get("css", [])):
            (folder / name).write_text(f"/* {name} */" * 50)
    settings.VITE_SERVES = False
    settings.STATIC_ROOT = tmp_path
    settings.VITE_MANIFEST = folder / "manifest.json"
    settings.VITE_MANIFEST.write_text(json.dumps(MANIFEST))
    return folder


def names(page: str) -> set[str]:
    return {url.rpartition("/")[2] for url in weights(page)}


def test_a_page_without_components_loads_what_every_page_loads() -> None:
    assert names(MAIN) == {"the page", "main.js", "main.css", "shared.js"}


def test_a_component_is_loaded_with_its_styles_and_react() -> None:
    page = MAIN + '<div data-component="Shown"></div>'
    assert names(page) - names(MAIN) == {"render.js", "Shown.js", "Shown.css"}


def test_without_the_frontend_there_are_no_components() -> None:
    assert names('<div data-component="Shown"></div>') == {"the page"}


def test_sizes_are_those_of_the_compressed_files(static: Path) -> None:
    assert weights(MAIN)["/static/dist/main.js"] == len(brotli.compress((static / "main.js").read_bytes()))


def test_fonts_of_styles_count_as_they_are(static: Path) -> None:
    (static / "own.woff2").write_bytes(b"x" * 5000)
    (static / "main.css").write_text('@font-face { src: url("own.woff2") }')
    assert weights(MAIN)["own.woff2"] == 5000


def test_files_of_other_sites_do_not_count() -> None:
    assert names('<script src="https://example.com/a.js"></script>') == {"the page"}


@pytest.mark.django_db
def test_the_command_fails_above_the_limit() -> None:
    out = StringIO()
    call_command("page_weight", "/accounts/login/", limit=90, stdout=out)
    assert "KB  together" in out.getvalue()
    with pytest.raises(CommandError, match=r"above its limit of 0\.1 KB"):
        call_command("page_weight", "/accounts/login/", limit=0.1, stdout=StringIO())


@pytest.mark.django_db
def test_a_page_that_is_not_there_has_no_weight() -> None:
    with pytest.raises(CommandError, match="answers 404"):
        call_command("page_weight", "/nowhere/", stdout=StringIO())


def test_where_vite_serves_there_is_nothing_to_measure(settings: Settings) -> None:
    settings.VITE_SERVES = True
    with pytest.raises(CommandError, match="unbuilt"):
        call_command("page_weight", stdout=StringIO())
