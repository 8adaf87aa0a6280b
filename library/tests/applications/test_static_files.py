"""Collected static files are compressed under the names that pages load."""

from pathlib import Path

from django.core.management import call_command
from pytest_django import Settings


def test_each_file_is_compressed_once(settings: Settings, tmp_path: Path) -> None:
    """Of Vite's files both names are loaded: by pages, and by other files."""
    sources, collected = tmp_path / "sources", tmp_path / "collected"
    for name in ("css/site.css", "dist/assets/main-a1b2c3d4.js"):
        (sources / name).parent.mkdir(parents=True)
        (sources / name).write_text("/* a text that is long enough */\n" * 50)
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATICFILES_DIRS, settings.STATIC_ROOT = [sources], collected
    backend = {"BACKEND": "bedplate.django.static_files.CompressedStaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": backend}
    call_command("collectstatic", interactive=False, verbosity=0)
    assert len(list(collected.glob("css/site.*.css.br"))) == 1
    assert not (collected / "css/site.css.br").exists()
    assert (collected / "css/site.css").exists()
    assert (collected / "dist/assets/main-a1b2c3d4.js.br").exists()
