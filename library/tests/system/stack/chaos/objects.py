"""Reader in the chaos stack: reads a store by its documented layout, without any code of the backup system."""

import hashlib
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

LIMIT: Final = 20


class Objects(Protocol):
    """The objects of a store."""

    def list(self) -> dict[str, str]:
        """Return their names, and versions that change with each write."""

    def read(self, name: str) -> bytes:
        """Return the content of one."""


@dataclass(frozen=True)
class Folder:
    """Objects as files."""

    root: Path

    def list(self) -> dict[str, str]:
        """Return their names, including unfinished ones, and their versions."""
        files = [path for path in self.root.rglob("*") if path.is_file() and path.name != ".lock"]
        return {str(path.relative_to(self.root)): f"{path.stat().st_ino} {path.stat().st_mtime_ns}" for path in files}

    def read(self, name: str) -> bytes:
        """Return the content of one."""
        return (self.root / name).read_bytes()


@dataclass(frozen=True)
class Bucket:
    """Objects of a bucket, by the JSON interface of Google Cloud Storage."""

    url: str

    def list(self) -> dict[str, str]:
        """Return their names and generations."""
        found: dict[str, str] = {}
        page = ""
        while True:
            answer = json.loads(_get(f"{self.url}?{urllib.parse.urlencode({'pageToken': page})}"))
            found |= {item["name"]: item["generation"] for item in answer.get("items", [])}
            if not (page := answer.get("nextPageToken", "")):
                return found

    def read(self, name: str) -> bytes:
        """Return the content of one."""
        return _get(f"{self.url}/{urllib.parse.quote(name, safe='')}?alt=media")


def _get(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=LIMIT) as answer:
            data: bytes = answer.read()
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{error} ({url})") from error
    return data


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The contents of a store."""

    backups: list[str]
    """Backups that have a manifest, by their folders, newest last."""
    damage: list[str]
    """Damage of those backups."""
    unfinished: list[str]
    """Objects that belong to no backup and are not media."""
    unused: list[str]
    """Media that no backup needs."""


@dataclass(frozen=True)
class Inspector:
    """Reads every object once; a whole one is read again only after it was written again."""

    seen: dict[tuple[str, str], str] = field(default_factory=dict)

    def inspect(self, objects: Objects) -> Findings:
        """Return the contents of the store."""
        versions = objects.list()
        manifests = sorted(name for name in versions if name.endswith("/manifest.json"))
        damage: list[str] = []
        needed: set[str] = set()
        for manifest in manifests:
            files = _files_of(objects, manifest)
            verdicts = manifest.replace("/manifest.json", "/verification-")  # one per verification, and its signature
            needed |= {manifest, f"{manifest}.sig", *files}
            needed |= {name for name in versions if name.startswith(verdicts)}
            damage += [name for name, sha256 in files.items() if self._hash(objects, versions, name) != sha256]
        left = [name for name in versions if name not in needed]
        media = [name for name in left if name.split("/")[2:3] == ["media"] and "/." not in name]
        return Findings(
            backups=[manifest.removesuffix("/manifest.json") for manifest in manifests],
            damage=damage,
            unfinished=[name for name in left if name not in media],
            unused=media,
        )

    def _hash(self, objects: Objects, versions: Mapping[str, str], name: str) -> str:
        if name not in versions:
            return "missing"
        key = (name, versions[name])
        if key not in self.seen:
            self.seen[key] = hashlib.sha256(objects.read(name)).hexdigest()
        return self.seen[key]


def _files_of(objects: Objects, manifest: str) -> dict[str, str]:
    """Return the objects of a backup with their SHA-256."""
    value: dict[str, Any] = json.loads(objects.read(manifest))
    files = {file["object"]: file["sha256"] for file in value["files"].values()}
    contents = json.loads(objects.read(value["files"]["contents.json"]["object"]))
    stored = [media["stored"] for media in contents["media"] if media["stored"]]
    return files | {file["object"]: file["sha256"] for file in stored}


def open_objects(url: str, *, emulator: str) -> Objects:
    """Return the objects of `file:///folder` or `gs://bucket`."""
    scheme, _, place = url.partition("://")
    openers: dict[str, Callable[[], Objects]] = {
        "file": lambda: Folder(Path(place)),
        "gs": lambda: Bucket(f"{emulator}/storage/v1/b/{place}/o"),
    }
    return openers[scheme]()
