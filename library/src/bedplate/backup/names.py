"""The layout of a store, and the names of backups.

v1/<project>/lease.json                     the current writer of this project's backups
v1/<project>/media/<sha256>                 each media file once, whatever its names
v1/<project>/media/<hmac>-<size>-<crc>.age  the same, encrypted: see encryption.py
v1/<project>/<environment>/<id>/            one backup:
    database/…                              the files of `pg_dump --format=directory`; encrypted: <number>.age
    contents.json                           row counts, sequences, names of the media; encrypted: of the dump's files
    media.txt                               the objects that its media are in; never encrypted
    manifest.json                           written last: with it the backup exists
    verification-<number>-<random>.json     the result of a drill: the last one counts; see verifications.py
    ….json.sig                              the signature of the manifest, or of a drill's result; see signatures.py
"""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from bedplate.backup.errors import WrongUseError

LAYOUT: Final = "v1"
MANIFEST: Final = "manifest.json"
CONTENTS: Final = "contents.json"
MEDIA_LIST: Final = "media.txt"
SIGNATURE: Final = ".sig"
"""The suffix of a signature, after the name of the signed object."""
TIME_FORMAT: Final = "%Y%m%dT%H%M%SZ"

SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
IDENTIFIER: Final = re.compile(r"([0-9]{8}T[0-9]{6}Z)-([0-9a-f]{5})[0-9a-f]")
# No clock was ever set before it; and no time zone moves that year out of Python's range.
OLDEST_YEAR: Final = 1970

# A backup that is dated further in the future is not taken for the newest.
CLOCK_TOLERANCE: Final = timedelta(hours=1)

# More than a backup takes (cron/crontab): one that was stored later was not made on its date.
LONGEST_BACKUP: Final = timedelta(days=1)


@dataclass(frozen=True, order=True, kw_only=True)
class BackupName:
    """The name of a backup: its project, environment and time."""

    created: datetime
    identifier: str
    environment: str
    project: str

    @classmethod
    def new(cls, *, project: str, environment: str, now: datetime, after: "BackupName | None" = None) -> Self:
        """Return a unique name, which sorts after `after` even if the clock was set back.

        Its end orders backups of the same second, so that "latest" is the latest.
        """
        moment = max(now.astimezone(UTC), after.moment + timedelta(microseconds=1)) if after else now.astimezone(UTC)
        identifier = f"{moment.strftime(TIME_FORMAT)}-{moment.microsecond:05x}{secrets.randbelow(16):x}"
        return cls._from_parts(project, environment, identifier)

    @classmethod
    def parse(cls, prefix: str) -> Self:
        """Return the backup whose objects begin with `v1/<project>/<environment>/<id>/`.

        Raise WrongUseError if that is not a backup's name.
        """
        layout, *parts = prefix.strip("/").split("/")
        if layout != LAYOUT or len(parts) != 3 or not all(map(SLUG.fullmatch, parts[:2])):  # noqa: PLR2004 - see above
            raise WrongUseError(f"{prefix} is not a backup's name. ./google_storage.sh -l lists them.")
        return cls._from_parts(*parts)

    @classmethod
    def _from_parts(cls, project: str, environment: str, identifier: str) -> Self:
        match = IDENTIFIER.fullmatch(identifier)
        if match is None:
            raise WrongUseError(f"{identifier} is not a backup's id. ./google_storage.sh -l lists them.")
        return cls(created=_time(match[1]), identifier=identifier, environment=environment, project=project)

    @property
    def moment(self) -> datetime:
        """The time of the backup, to the microsecond."""
        match = IDENTIFIER.fullmatch(self.identifier)
        return self.created + timedelta(microseconds=int(match[2], 16) if match else 0)

    def is_in_the_future(self, now: datetime) -> bool:
        """Return whether it is dated in the future, by more than clocks differ: by a wrong clock, or by hand."""
        return self.created - now > CLOCK_TOLERANCE

    def __str__(self) -> str:
        return f"{LAYOUT}/{self.project}/{self.environment}/{self.identifier}"

    def object(self, name: str) -> str:
        """Return the full name of one of the backup's objects."""
        return f"{self}/{name}"


def _time(text: str) -> datetime:
    try:
        created = datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        created = datetime.min.replace(tzinfo=UTC)
    if created.year < OLDEST_YEAR:
        raise WrongUseError(f"{text} is not the time of a backup. ./google_storage.sh -l lists them.")
    return created


def media_folder(project: str) -> str:
    """Return the prefix of the project's media."""
    return f"{LAYOUT}/{project}/media/"


def lease_name(project: str) -> str:
    """Return the name of the lease object."""
    return f"{LAYOUT}/{project}/lease.json"


def split_url(url: str) -> tuple[str, BackupName]:
    """Return the store's URL and the backup's name. Raise WrongUseError if the URL is not a backup's."""
    store, separator, name = url.rstrip("/").removesuffix(f"/{MANIFEST}").rpartition(f"/{LAYOUT}/")
    if not separator:
        raise WrongUseError(f"{url} is not a backup's URL. ./google_storage.sh -l lists them.")
    return store, BackupName.parse(f"{LAYOUT}/{name}")
