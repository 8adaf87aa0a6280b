"""Backups of other days and environments, copied from a new one."""

from dataclasses import replace
from datetime import datetime, timedelta

from bedplate.backup.commands.check import check
from bedplate.backup.errors import BackupError
from bedplate.backup.manifest import Manifest
from bedplate.backup.names import MANIFEST, MEDIA_LIST, SIGNATURE, BackupName
from bedplate.backup.signatures import BACKUP, SigningKey
from bedplate.backup.verifications import Verification, record_verification
from project import Project


def copied(project: Project, manifest: Manifest, created: datetime, *, environment: str = "") -> Manifest:
    """Return a copy of a backup with the date `created`, perhaps of another environment."""
    source, store = manifest.name, project.store
    name = BackupName.new(project=source.project, environment=environment or source.environment, now=created)
    files = {
        file: replace(stored, object=stored.object.replace(str(source), str(name)))
        for file, stored in manifest.files.items()
    }
    for file, stored in manifest.files.items():
        store.write(files[file].object, store.read(stored.object)[0])
    made = replace(manifest, name=name, files=files)
    write_signed(project, made)
    return made


def write_signed(project: Project, manifest: Manifest, *, key: SigningKey | None = None) -> None:
    """Write a manifest into the store with a signature by the project's own key, or another one."""
    data, name = manifest.to_bytes(), manifest.name.object(MANIFEST)
    project.store.write(f"{name}{SIGNATURE}", (key or project.configuration.trust.key).sign(data, BACKUP))
    project.store.write(name, data)


def moved(project: Project, manifest: Manifest, created: datetime, *, environment: str = "") -> Manifest:
    """Move the backup to the date `created`, and return it."""
    made = copied(project, manifest, created, environment=environment)
    remove(project, manifest.name)
    return made


def remove(project: Project, name: BackupName) -> None:
    """Remove a backup except its media, and the installation's record of its backups."""
    for stored in list(project.store.list(f"{name}/")):
        project.store.delete(stored.name)
    (project.configuration.work / "made.json").unlink(missing_ok=True)


def unsign(project: Project, manifest: Manifest) -> None:
    """Take a backup's signature away."""
    project.store.delete(manifest.name.object(f"{MANIFEST}{SIGNATURE}"))


def alarm(project: Project) -> str:
    """Return the problems that the check reports; an empty string if there are none."""
    try:
        check(project.session)
    except BackupError as error:
        return str(error)
    return ""


def record(project: Project, name: BackupName, *, passed: bool, ago: timedelta = timedelta(0)) -> None:
    """Record the result of a drill at that time."""
    manifest = Manifest.from_bytes(project.store.read(name.object(MANIFEST))[0], name=name)
    at, said = project.session.now() - ago, "set by the test"
    verification = Verification(at=at, passed=passed, message=said, number=0, manifest=manifest.sha256)
    record_verification(project.store, name, verification, trust=project.configuration.trust)


def stored_backups(project: Project) -> set[str]:
    """Return the names of the backups in the store, of all environments."""
    objects = project.store.list(f"v1/{project.configuration.project}/")
    return {stored.name.removesuffix(f"/{MANIFEST}") for stored in objects if stored.name.endswith(f"/{MANIFEST}")}


def stored_media(project: Project) -> set[str]:
    """Return the names of the media objects in the store."""
    return {stored.name for stored in project.store.list(f"v1/{project.configuration.project}/media/")}


def media_of(project: Project, manifest: Manifest) -> set[str]:
    """Return the names of the media objects that a backup needs."""
    return set(project.store.read(manifest.files[MEDIA_LIST].object)[0].decode().splitlines())
