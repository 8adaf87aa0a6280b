"""docs/reference/licences.md says what the packages say, and none asks for more than the project gives."""

import re

import pytest
from supply_chain.licences import COMMAND, PAGE, ROOT, Package, licence_of, node_packages, page, python_packages


def test_page_is_current() -> None:
    """The page is what the lock files and the packages' metadata make it."""
    written = PAGE.read_text()
    if not (ROOT / "web/frontend").is_dir():  # a project without it still has the page that was written with it
        written = re.sub(r"^.*\| JavaScript \|\n", "", written, flags=re.MULTILINE)
    assert written == page(), f"Run: {COMMAND}"


def test_every_licence_is_allowed() -> None:
    """No package in an image has a licence that is not on the list."""
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
    """All that a licence asks for must be allowed, where there is a choice, one of them."""
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
    """It is stated, or written in a field, or named by classifiers; what nobody has heard of stays as it is."""

    class Fields:
        def get(self, name: str, /) -> str | None:
            return fields.get(name, [None])[0]

        def get_all(self, name: str, /) -> list[str] | None:
            return fields.get(name)

    assert licence_of("something", Fields()) == licence
