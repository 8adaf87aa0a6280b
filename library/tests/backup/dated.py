"""Backups of other days and environments, made of one that was made just now."""

from dataclasses import replace
from datetime import datetime, timedelta

from bedplate.backup.manifest import Manifest, Verification
from bedplate.backup.names import MANIFEST, MEDIA_LIST, VERIFICATION, BackupName
from project import Project


def copied(project: Project, manifest: Manifest, created: datetime, *, environment: str = "") -> Manifest:
    """Return a second backup of the same contents and media that is dated `created`, perhaps another environment's."""
    source, store = manifest.name, project.store
    name = BackupName.new(project=source.project, environment=environment or source.environment, now=created)
    files = {
        file: replace(stored, object=stored.object.replace(str(source), str(name)))
        for file, stored in manifest.files.items()
    }
    for file, stored in manifest.files.items():
        store.write(files[file].object, store.read(stored.object)[0])
    made = replace(manifest, name=name, files=files)
    store.write(name.object(MANIFEST), made.to_bytes())
    return made


def moved(project: Project, manifest: Manifest, created: datetime, *, environment: str = "") -> Manifest:
    """Return the backup, dated `created` now."""
    made = copied(project, manifest, created, environment=environment)
    remove(project, manifest.name)
    return made


def remove(project: Project, name: BackupName) -> None:
    """Remove a backup, but for its media."""
    for stored in list(project.store.list(f"{name}/")):
        project.store.delete(stored.name)


def record(project: Project, name: BackupName, *, passed: bool, ago: timedelta = timedelta(0)) -> None:
    """Record what a drill found, then."""
    verification = Verification(at=project.session.now() - ago, passed=passed, message="told so by the test")
    project.store.write(name.object(VERIFICATION), verification.to_bytes())


def stored_backups(project: Project) -> set[str]:
    """Return the names of the backups that the store really has, of all environments."""
    objects = project.store.list(f"v1/{project.configuration.project}/")
    return {stored.name.removesuffix(f"/{MANIFEST}") for stored in objects if stored.name.endswith(f"/{MANIFEST}")}


def stored_media(project: Project) -> set[str]:
    """Return the names of the media objects that the store really has."""
    return {stored.name for stored in project.store.list(f"v1/{project.configuration.project}/media/")}


def media_of(project: Project, manifest: Manifest) -> set[str]:
    """Return the names of the media objects that a backup needs."""
    return set(project.store.read(manifest.files[MEDIA_LIST].object)[0].decode().splitlines())
