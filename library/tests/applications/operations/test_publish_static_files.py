"""Static files of several releases in one folder."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

DAY = timedelta(days=1).total_seconds()


@pytest.fixture
def collected(tmp_path: Path, settings: Settings) -> Path:
    folder = tmp_path / "collected"
    (folder / "css").mkdir(parents=True)
    settings.STATIC_ROOT = folder
    return folder


@pytest.fixture
def published(tmp_path: Path) -> Path:
    folder = tmp_path / "published"
    folder.mkdir()
    return folder


def publish(published: Path) -> None:
    call_command("publish_static_files", published)


def age(folder: Path, *, days: float) -> None:
    for path in folder.rglob("*"):
        time = path.stat().st_mtime - days * DAY
        os.utime(path, (time, time))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_files_of_earlier_releases_are_kept(collected: Path, published: Path) -> None:
    """A page of the previous release finds its files; files of the same name are those of the new release."""
    (collected / "css/site.1.css").write_text("one")
    (collected / "css/site.css").write_text("one")
    publish(published)
    (collected / "css/site.1.css").rename(collected / "css/site.2.css")
    (collected / "css/site.css").write_text("two")
    publish(published)
    assert names(published) == {"site.1.css", "site.2.css", "site.css"}
    assert (published / "css/site.css").read_text() == "two"


def test_old_files_are_removed(collected: Path, published: Path) -> None:
    """A file that no release of the last 30 days had is removed."""
    (collected / "css/old.css").write_text("old")
    publish(published)
    (collected / "css/old.css").rename(collected / "css/new.css")
    age(published, days=31)
    publish(published)
    assert "old.css" in names(published)  # the previous release had it
    publish(published)
    assert names(published) == {"new.css"}


def test_compressed_files_are_published_and_removed_with_their_originals(collected: Path, published: Path) -> None:
    """Gzip files are next to the originals, brotli files in their own folder with the original's name."""
    for suffix in ("", ".gz", ".br"):
        (collected / f"css/site.1.css{suffix}").write_text(f"one{suffix}")
    publish(published)
    assert (published / "css/site.1.css.gz").read_text() == "one.gz"
    assert (published / "br/static/css/site.1.css").read_text() == "one.br"
    assert not (published / "css/site.1.css.br").exists()
    for suffix in ("", ".gz", ".br"):
        (collected / f"css/site.1.css{suffix}").rename(collected / f"css/site.2.css{suffix}")
    age(published, days=31)
    publish(published)
    publish(published)
    assert names(published) == {"site.2.css", "site.2.css.gz"}
    assert (published / "br/static/css/site.2.css").read_text() == "one.br"
    assert len([path for path in published.rglob("*") if path.is_file()]) == 3


def test_a_release_that_serves_for_months_keeps_its_files(collected: Path, published: Path) -> None:
    """Its files are kept in the next deploy, however old they are."""
    (collected / "css/current.css").write_text("current")
    publish(published)
    age(published, days=300)
    (collected / "css/current.css").rename(collected / "css/next.css")
    publish(published)
    assert names(published) == {"current.css", "next.css"}


def test_a_clock_that_was_ahead_removes_nothing_of_now(collected: Path, published: Path) -> None:
    """A machine published with a clock 40 days ahead; then it is set right."""
    (collected / "css/old.css").write_text("old")
    publish(published)
    age(published, days=-40)
    (collected / "css/old.css").rename(collected / "css/new.css")
    publish(published)
    assert "new.css" in names(published)
