"""Invalid numbers and names in a hostile backup with correct checksums: refused with a message, and not counted."""

import json
from typing import Final

import pytest
from bedplate.backup.errors import UnusableBackupError
from bedplate.backup.manifest import Manifest
from edited import change_contents, change_manifest, refused, stored
from project import Project

pytestmark = pytest.mark.usefixtures("without_django")

IMPOSSIBLE: Final = (-1, True, "1", 1.5, float("inf"), 1 << 63, None)


@pytest.fixture
def backup(embedded: Project) -> Manifest:
    """Return a backup."""
    return embedded.back_up()


@pytest.mark.parametrize("number", IMPOSSIBLE)
@pytest.mark.parametrize("name", ["database_size", "media_size", "media_files"])
def test_no_size_counts_the_need_down(embedded: Project, backup: Manifest, name: str, number: object) -> None:
    """The sizes in a manifest decide whether the restore fits."""
    change_manifest(embedded, backup, honest=True, **{name: number})
    refused(embedded, saying=rf"manifest\.json cannot be read.*{name}.*Restore another backup")
    with pytest.raises(UnusableBackupError):
        embedded.session.find(f"{embedded.store.url}/{backup.name}")


@pytest.mark.parametrize("number", IMPOSSIBLE)
@pytest.mark.parametrize("name", ["size", "stored_size"])
def test_no_file_has_an_impossible_size(embedded: Project, backup: Manifest, name: str, number: object) -> None:
    """It holds for files of the dump and of the media."""
    text = stored(embedded, backup, "contents.json").read_text()
    contents = json.loads(text)
    contents["media"][0]["stored"][name] = number
    change_contents(embedded, backup, json.dumps(contents))
    refused(embedded, saying=rf"contents\.json cannot be read.*{name}.*Restore another backup")
    described = json.loads(stored(embedded, backup, "manifest.json").read_bytes())["files"]
    described["database/database.sqlite3"][name] = number
    change_manifest(embedded, backup, honest=True, files=described)
    refused(embedded, saying=rf"manifest\.json cannot be read.*{name}.*Restore another backup")


@pytest.mark.parametrize("roles", [[1], [["app"]], [None], ["\ud800"], ["a\0"]])
def test_roles_are_names(embedded: Project, backup: Manifest, roles: list[object]) -> None:
    contents = json.loads(stored(embedded, backup, "contents.json").read_text())
    contents["census"]["roles"] = roles
    change_contents(embedded, backup, json.dumps(contents))
    refused(embedded, saying=r"contents\.json cannot be read.*roles")


@pytest.mark.parametrize("name", ["\ud800", "a\0"])
def test_objects_have_names_that_can_be(embedded: Project, backup: Manifest, name: str) -> None:
    described = json.loads(stored(embedded, backup, "manifest.json").read_bytes())["files"]
    described["database/database.sqlite3"]["object"] = name
    change_manifest(embedded, backup, honest=True, files=described)
    refused(embedded, saying=r"manifest\.json cannot be read.*object.*Restore another backup")
