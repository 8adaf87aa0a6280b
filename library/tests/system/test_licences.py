"""docs/reference/licences.md is what the packages state, and none requires more than the project gives."""

import sys
from pathlib import Path

import pytest
from bedplate.supply_chain import licences
from bedplate.supply_chain.licences import (
    COMMAND,
    Package,
    is_current,
    licence_of,
    node_packages,
    page,
    python_packages,
)


def test_page_is_current() -> None:
    """The page follows from the lock files and the packages' metadata."""
    assert is_current(), f"Run: {COMMAND}"


def test_a_page_that_is_not_current_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--check names the command to run."""
    monkeypatch.setattr(licences, "PAGE", tmp_path / "licences.md")
    monkeypatch.setattr(sys, "argv", ["licences", "--check"])
    licences.PAGE.write_text(page().replace("django |", "django-of-old |"))
    with pytest.raises(SystemExit, match="Run this, and review the new ones"):
        licences.main()


def test_every_licence_is_allowed() -> None:
    """No package in an image has a license that is not on the list."""
    packages = [*python_packages(), *node_packages()]
    assert {"django", "psycopg", "google-cloud-storage"} <= {package.name for package in packages}
    assert [package for package in packages if not package.is_allowed] == []


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("AGPL-3.0-or-later", False),
        ("unknown", False),
    ],
)
def test_licences_that_are_not_allowed(licence: str, *, allowed: bool) -> None:
    """All that a license requires must be allowed; where there is a choice, one of them."""
    assert Package("something", licence, "Python").is_allowed == allowed


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License-Expression": ["MIT OR Apache-2.0"], "License": ["whatever"]}, "MIT OR Apache-2.0"),
        ({"License": ["Apache License, Version 2.0"]}, "Apache-2.0"),
        ({"License": ["all of the text"], "Classifier": ["License :: OSI Approved :: MIT License"]}, "MIT"),
        ({"Classifier": ["License :: OSI Approved :: Our Own"]}, "Our Own"),
        ({"Classifier": ["Programming Language :: Rust"]}, "unknown"),
    ],
)
def test_licence_in_metadata(fields: dict[str, list[str]], licence: str) -> None:
    """It is stated, or written in a field, or named by classifiers; an unknown one stays as it is."""

    class Fields:
        def get(self, name: str, /) -> str | None:
            return fields.get(name, [None])[0]

        def get_all(self, name: str, /) -> list[str] | None:
            return fields.get(name)

    assert licence_of("something", Fields()) == licence
