"""Backups that were edited or damaged in the store and must be refused."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from bedplate.backup.errors import BackupError
from bedplate.backup.manifest import Manifest, digest
from bedplate.backup.names import BackupName
from bedplate.backup.signatures import BACKUP
from project import Project, database_file, files


def stored(project: Project, backup: Manifest | BackupName, name: str) -> Path:
    """Return the file of an object of the backup."""
    folder = project.configuration.url.removeprefix("file://").replace("%20", " ")
    if name == "a media file":
        return sorted(Path(folder, "v1/app/media").iterdir())[0]
    return Path(folder, (backup.name if isinstance(backup, Manifest) else backup).object(name))


def refused(project: Project, *, saying: str, wanted: str = "latest") -> None:
    """Fail unless restoring and verifying are refused with this message, and nothing has changed."""
    before = database_file(project).read_bytes(), files(project.media)
    for work in (project.restore, project.verify):
        with pytest.raises(BackupError, match=saying):
            work(wanted)
        assert (database_file(project).read_bytes(), files(project.media)) == before
        assert project.remains == []


def change_manifest(project: Project, manifest: Manifest, *, honest: bool, **values: Any) -> None:
    """Change values of the manifest, and update its digest and signature, or keep the old ones.

    An updated signature is made with the key of a trusted environment.
    """
    path = stored(project, manifest, "manifest.json")
    value = json.loads(path.read_bytes()) | values
    if honest:
        del value["digest"]
        value["digest"] = digest(value)
    path.write_text(json.dumps(value))
    if honest:
        sign(project, path)


def sign(project: Project, path: Path) -> None:
    """Sign the current manifest with the project's own key."""
    path.with_name(f"{path.name}.sig").write_bytes(project.configuration.trust.key.sign(path.read_bytes(), BACKUP))


def change_contents(project: Project, manifest: Manifest, text: str) -> None:
    """Change the backup's contents, and update all checksums."""
    with project.session.work_directory.scratch() as scratch:
        path = scratch / "contents.json"
        path.write_text(text)
        file = project.session.transfer.upload(path, manifest.name.object("contents.json"), scratch=scratch)
    described = json.loads(stored(project, manifest, "manifest.json").read_bytes())["files"]
    described["contents.json"] = {name: value for name, value in asdict(file).items() if value is not None}
    change_manifest(project, manifest, honest=True, files=described)
