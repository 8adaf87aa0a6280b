"""Backups that were edited or damaged in the store, and must be refused."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from bedplate.backup.errors import BackupError
from bedplate.backup.manifest import Manifest, digest
from bedplate.backup.names import BackupName
from project import Project, database_file, files


def stored(project: Project, backup: Manifest | BackupName, name: str) -> Path:
    """Return the file that holds an object of the backup."""
    folder = project.configuration.url.removeprefix("file://").replace("%20", " ")
    if name == "a media file":
        return sorted(Path(folder, "v1/app/media").iterdir())[0]
    return Path(folder, (backup.name if isinstance(backup, Manifest) else backup).object(name))


def refused(project: Project, *, saying: str, wanted: str = "latest") -> None:
    """Fail unless restoring and proving are refused with these words, and nothing has changed."""
    before = database_file(project).read_bytes(), files(project.media)
    for work in (project.restore, project.verify):
        with pytest.raises(BackupError, match=saying):
            work(wanted)
        assert (database_file(project).read_bytes(), files(project.media)) == before
        assert project.remains == []


def change_manifest(project: Project, manifest: Manifest, *, honest: bool, **values: Any) -> None:
    """Change values of the manifest, with a digest of what it says now, or the old one."""
    path = stored(project, manifest, "manifest.json")
    value = json.loads(path.read_bytes()) | values
    if honest:
        del value["digest"]
        value["digest"] = digest(value)
    path.write_text(json.dumps(value))


def change_contents(project: Project, manifest: Manifest, text: str) -> None:
    """Have the backup's contents, all checksums right, say something else."""
    with project.session.workplace.scratch() as scratch:
        path = scratch / "contents.json"
        path.write_text(text)
        file = project.session.transfer.upload(path, manifest.name.object("contents.json"), scratch=scratch)
    described = json.loads(stored(project, manifest, "manifest.json").read_bytes())["files"]
    described["contents.json"] = {name: value for name, value in asdict(file).items() if value is not None}
    change_manifest(project, manifest, honest=True, files=described)
