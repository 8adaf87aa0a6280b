"""Damage to a backup is found, and named, before live data is touched."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from bedplate.backup.errors import BackupError
from bedplate.backup.manifest import Manifest
from dated import stored_backups
from edited import change_contents, change_manifest, refused, stored
from project import Configure, Project, files, note

pytestmark = pytest.mark.usefixtures("without_django")

OBJECTS: Final = ("database/database.sqlite3", "contents.json", "media.txt", "a media file")


def flip_a_bit(path: Path) -> None:
    """Flip one bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut_short(path: Path) -> None:
    """Remove the last byte."""
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    """Remove everything."""
    path.write_bytes(b"")


def swap_for_the_same_size(path: Path) -> None:
    """Replace the content by other content of the same size."""
    path.write_bytes(bytes(reversed(path.read_bytes())))


DAMAGES: Final = (flip_a_bit, cut_short, empty, swap_for_the_same_size, Path.unlink)


@pytest.fixture
def backup(embedded: Project) -> Manifest:
    """Return a backup; since then, the live database and media have changed."""
    manifest = embedded.back_up()
    note(embedded, "since then")
    (embedded.media / "a.txt").write_text("since then")
    return manifest


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", OBJECTS)
def test_damage_is_found_and_its_object_named(
    embedded: Project, backup: Manifest, name: str, damage: Callable[[Path], None]
) -> None:
    path = stored(embedded, backup, name)
    damage(path)
    refused(embedded, saying=rf"{re.escape(path.name)} is (damaged|missing)")


@pytest.mark.parametrize("damage", DAMAGES[:-1], ids=lambda damage: damage.__name__)
def test_a_damaged_manifest_is_not_passed_over(
    embedded: Project, backup: Manifest, damage: Callable[[Path], None]
) -> None:
    """The user decides whether to restore an older backup instead."""
    newest = max(backup.name, embedded.back_up().name)
    damage(stored(embedded, newest, "manifest.json"))
    refused(embedded, saying=rf"{newest}/manifest\.json (cannot be read|has been changed|was written by)")


def test_without_its_manifest_there_is_no_backup(embedded: Project, backup: Manifest) -> None:
    stored(embedded, backup, "manifest.json").unlink()
    refused(embedded, saying="has no backup of embedded")
    refused(embedded, saying="There is no backup", wanted=f"{embedded.store.url}/{backup.name}")


def test_objects_of_two_backups_are_not_confused(embedded: Project, backup: Manifest) -> None:
    newer = embedded.back_up()
    for name in ("database/database.sqlite3", "contents.json"):
        one, other = stored(embedded, backup, name), stored(embedded, newer, name)
        taken = other.read_bytes()
        other.write_bytes(one.read_bytes())
        refused(embedded, saying=f"{name} is damaged", wanted=f"{embedded.store.url}/{newer.name}")
        other.write_bytes(taken)
    embedded.verify()


def test_an_edited_manifest_is_refused(embedded: Project, backup: Manifest) -> None:
    change_manifest(embedded, backup, honest=False, database_size=1)
    refused(embedded, saying="has been changed after it was written")


@pytest.mark.parametrize(
    ("values", "saying"),
    [
        ({"name": "v1/another/embedded/20260101T000000Z-abcdef"}, "belongs to another backup, v1/another/"),
        ({"name": "v1/app/prod/20260101T000000Z-abcdef"}, "belongs to another backup, v1/app/prod/"),
        ({"format": 4}, "written by a newer version"),
        ({"files": []}, "cannot be read"),
        ({"unknown": 1}, "cannot be read"),
        ({"engine": {"name": "postgresql", "version": "18.1"}}, "The backup is of postgresql, this database is sqlite"),
        ({"engine": {"name": "sqlite", "version": "99.1"}}, r"from sqlite 99\.1, newer than this server"),
    ],
)
def test_a_manifest_that_does_not_suit_is_refused(
    embedded: Project, backup: Manifest, values: dict[str, Any], saying: str
) -> None:
    change_manifest(embedded, backup, honest=True, **values)
    refused(embedded, saying=saying)


def test_contents_that_contradict_the_database_are_found(embedded: Project, backup: Manifest) -> None:
    text = stored(embedded, backup, "contents.json").read_text()
    change_contents(embedded, backup, text.replace('"notes": 2', '"notes": 3', 1))
    refused(embedded, saying=r"rows of notes: 3 before, 2 restored")


@pytest.mark.parametrize("text", ["", "{}", "no JSON", '{"census": {}, "media": 1}', "[]"])
def test_contents_that_are_none_are_named(embedded: Project, backup: Manifest, text: str) -> None:
    change_contents(embedded, backup, text)
    refused(embedded, saying=r"contents\.json cannot be read")


@pytest.mark.parametrize(
    "path",
    [
        "../outside",
        "/outside",
        "a/../../outside",
        "",
        ".",
        "a\0b",
        "\ud800",
        "x" * 300,
        ".backup_system/previous/media/x",
    ],
)
def test_no_file_is_written_outside_of_the_media(embedded: Project, backup: Manifest, path: str) -> None:
    text = stored(embedded, backup, "contents.json").read_text()
    change_contents(embedded, backup, text.replace('"a.txt"', json.dumps(path)))
    words = (
        "a media file outside of the media folder|an invalid name of a media file|has a character that no name may have"
    )
    refused(embedded, saying=words)


def with_media(project: Project, manifest: Manifest, media: list[dict[str, Any]]) -> None:
    """Replace the backup's list of media; a file without a link has the contents of a.txt."""
    contents = json.loads(stored(project, manifest, "contents.json").read_text())
    file = contents["media"][0]["stored"]
    contents["media"] = [{"link": None, "stored": None if "link" in each else file} | each for each in media]
    change_contents(project, manifest, json.dumps(contents))


@pytest.mark.parametrize(
    ("media", "saying"),
    [
        ([{"path": "up", "link": ".."}, {"path": "up/planted"}], "below another file or link"),
        ([{"path": "here", "link": "."}, {"path": "here/up", "link": "../.."}], "below another file or link"),
        ([{"path": "a"}, {"path": "a/b"}], "below another file or link"),
        ([{"path": "a", "link": ".."}, {"path": "a"}], "twice"),
        ([{"path": "a/b"}, {"path": "a//b"}], "twice"),
        ([{"path": "a", "link": "b\0c"}], "has a character that no name may have"),
    ],
)
def test_no_file_is_written_through_a_link(
    embedded: Project, backup: Manifest, media: list[dict[str, Any]], saying: str
) -> None:
    with_media(embedded, backup, media)
    before = set(embedded.configuration.variables.data_directory.rglob("*"))
    with pytest.raises(BackupError, match=saying):
        embedded.restore()
    assert set(embedded.configuration.variables.data_directory.rglob("*")) <= before | {embedded.configuration.work}


def test_no_link_shows_what_is_elsewhere(embedded: Project, backup: Manifest) -> None:
    """It holds even if it leads out through another link, which alone would stay inside."""
    links = {"root": "/etc/passwd", "up": "../..", "deep/top": "..", "through": "deep/top/../secret", "loop": "loop"}
    inside = {"deep/a": "../a.txt", "again": "deep/a"}
    media = [{"path": path, "link": target} for path, target in (links | inside).items()]
    with_media(embedded, backup, [{"path": "a.txt"}, *media])
    embedded.restore()
    assert set(files(embedded.media)) == {"a.txt", "deep/top", "loop", *inside}
    assert (embedded.media / "again").read_text() == "first"
    for name in ("root", "up", "through"):
        assert f"Media link {name} points outside of the media folder: left out." in embedded.said.getvalue()


def test_a_backup_of_another_project_is_refused(embedded: Project, backup: Manifest) -> None:
    url = f"{embedded.store.url}/{backup.name}".replace("/app/", "/another-shop/")
    refused(embedded, saying="is a backup of the project another-shop, not of app.*--project another-shop", wanted=url)


def test_a_failed_drill_is_recorded(embedded: Project, backup: Manifest) -> None:
    flip_a_bit(stored(embedded, backup, "database/database.sqlite3"))
    with suppress(BackupError):
        embedded.verify()
    [listed] = embedded.session.backups()
    assert listed.verification
    assert listed.failed
    assert "database.sqlite3 is damaged" in listed.verification.message


def test_a_damaged_media_file_is_sent_again_where_the_store_tells(embedded: Project, backup: Manifest) -> None:
    """A folder reports the size; a bucket reports checksums too."""
    cut_short(stored(embedded, backup, "a media file"))
    embedded.back_up()
    embedded.verify()


def test_pruning_trusts_no_damaged_list_of_media(embedded: Project, backup: Manifest) -> None:
    media = files(stored(embedded, backup, "a media file").parent)
    flip_a_bit(stored(embedded, backup, "media.txt"))
    embedded.prune()
    assert files(stored(embedded, backup, "a media file").parent) == media
    assert "media.txt is damaged" in embedded.said.getvalue()


def test_pruning_keeps_what_it_cannot_read_and_counts_it_for_nothing(
    embedded: Project, backup: Manifest, configure: Configure
) -> None:
    """The store keeps the newest readable backup of a day, and every object of the damaged one."""
    keep_one = {"BACKUP_KEEP_DAILY": "1", "BACKUP_KEEP_WEEKLY": "0", "BACKUP_KEEP_MONTHLY": "0"}
    project = Project(configure(**keep_one), embedded.store)
    good, damaged = project.back_up(), project.back_up()
    flip_a_bit(stored(project, damaged, "manifest.json"))
    before = files(stored(project, damaged, "manifest.json").parent)
    media = files(stored(project, damaged, "a media file").parent)
    decided = project.prune()
    assert decided.keep[damaged.name] == ["cannot be read: inspect it"]
    assert stored_backups(project) == {str(good.name), str(damaged.name)}
    assert str(backup.name) not in stored_backups(project)
    assert files(stored(project, damaged, "manifest.json").parent) == before
    assert files(stored(project, damaged, "a media file").parent) == media
