"""The project's configuration, read from the same variables as Django's settings."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from pydantic import SecretStr

from bedplate.backup.django_commands import project_folder
from bedplate.backup.encryption import Encryption
from bedplate.backup.errors import WrongUseError
from bedplate.backup.mounts import is_inside
from bedplate.backup.retention import Policy
from bedplate.backup.signatures import SigningKey
from bedplate.backup.stores import Bucket, Store
from bedplate.backup.stores.folder import FolderStore
from bedplate.backup.trust import SIGNERS, Trust, read_signers
from bedplate.environment import Environment
from bedplate.environment import read_environment as read_django_environment
from bedplate.environment_values import lines


@dataclass(frozen=True)
class Configuration:
    """The project and its environment."""

    variables: Environment

    @property
    def project(self) -> str:
        """The project's slug."""
        return self.variables.compose_project_name

    @property
    def environment(self) -> str:
        """The environment of this database and media."""
        return self.variables.environment

    @property
    def media(self) -> Path:
        """Django's MEDIA_ROOT."""
        return self.variables.data_directory / "uploads"

    @property
    def work(self) -> Path:
        """The work directory, for unfinished and replaced data. On the same disk as the media."""
        return self.variables.data_directory / "backup_data"

    @property
    def url(self) -> str:
        """The store that backups go to."""
        if self.variables.backup_url:
            return self.variables.backup_url
        if self.variables.private:
            return (self.variables.data_directory.resolve() / "backups").as_uri()
        raise WrongUseError("BACKUP_URL is not set. Set it in .env: gs://BUCKET, or file:///FOLDER.")

    @property
    def policy(self) -> Policy:
        """The retention policy."""
        variables = self.variables
        return Policy(
            daily=variables.backup_keep_daily,
            weekly=variables.backup_keep_weekly,
            monthly=variables.backup_keep_monthly,
            time_zone=variables.time_zone,
        )

    @property
    def prunes_elsewhere(self) -> bool:
        """True if another machine, with the right to delete, removes this environment's old backups."""
        return self.variables.backup_pruning == "elsewhere"

    @cached_property
    def encryption(self) -> Encryption:
        """The keys to encrypt and decrypt with."""
        return Encryption.from_text(
            recipients=self.variables.backup_age_recipients,
            identities=self.variables.backup_age_identity.get_secret_value(),
            secret=self.variables.signing_keys[0],
        )

    @cached_property
    def trust(self) -> Trust:
        """The signing key and the trusted keys."""
        name = f"{self.project}/{self.environment}"
        signers, problems = read_signers(project_folder() / "config" / SIGNERS)
        return Trust(name=name, keys=self._signing_keys, signers=signers, problems=problems)

    @property
    def _signing_keys(self) -> tuple[SigningKey, ...]:
        """The keys of this environment. On a developer's machine `SECRET_KEY` is the default."""
        if given := lines(self.variables.backup_signing_key):
            return tuple(map(SigningKey, given))
        return tuple(map(SigningKey, self.variables.signing_keys)) if self.variables.private else ()

    def with_identity(self, text: str) -> "Configuration":
        """Return a copy that decrypts with these age keys only. Raise WrongUseError if the text has no key."""
        configuration = Configuration(self.variables.model_copy(update={"backup_age_identity": SecretStr(text)}))
        if not configuration.encryption.identities:
            raise WrongUseError("The identity file holds no age key: no line with AGE-SECRET-KEY-1…")
        return configuration

    def open_media_bucket(self) -> Bucket:
        """Return the bucket of the uploads, with the account of the backups: Google copies for one account.

        With backups in a folder, and for S3, it is the application's own account. Raise WrongUseError if the backups
        are in the same bucket: they would be media.
        """
        variables, bucket = self.variables, self.variables.media_bucket
        if bucket is None:
            raise WrongUseError("MEDIA_URL names no bucket.")
        if bucket.scheme == "s3":
            from bedplate.backup.stores.s3 import open_bucket  # noqa: PLC0415 - only projects with S3 have its client

            return open_bucket(variables)
        from bedplate.backup.credentials import load_credentials  # noqa: PLC0415 - a folder saves half a second
        from bedplate.backup.stores.google import GoogleStore  # noqa: PLC0415

        of_backups = variables.backup_url.startswith("gs://")
        if of_backups and urlsplit(variables.backup_url).netloc == bucket.name:
            raise WrongUseError(f"BACKUP_URL and MEDIA_URL name the same bucket, {bucket.name}: use two.")
        credentials = load_credentials(variables.google_credentials if of_backups else variables.media_credentials)
        return GoogleStore(bucket.url, credentials, retry_seconds=variables.backup_retry_seconds)

    def open_store(self, url: str | None = None) -> Store:
        """Return the store at a URL, or the one that backups go to."""
        url = url or self.url
        scheme, _, path = url.partition("://")
        if scheme == "gs" and path:
            from bedplate.backup.credentials import load_credentials  # noqa: PLC0415 - a folder saves half a second
            from bedplate.backup.stores.google import GoogleStore  # noqa: PLC0415

            credentials = load_credentials(self.variables.google_credentials)
            return GoogleStore(url, credentials, retry_seconds=self.variables.backup_retry_seconds)
        if scheme == "file" and path:
            store = FolderStore(url)
            self._require_own_folder(store)
            if store.root.is_relative_to(self.variables.data_directory.resolve()):  # this disk is always mounted
                store.root.mkdir(parents=True, exist_ok=True)
            return store
        raise WrongUseError(f"{url} is not a store of backups. Write gs://BUCKET or file:///FOLDER.")

    def _require_own_folder(self, store: FolderStore) -> None:
        """Raise WrongUseError if other services can read or write the store, or a backup can remove it."""
        for folder in (self.media, self.work, self.variables.data_directory / "mail"):
            if is_inside(store.root, folder):
                raise WrongUseError(
                    f"{store.url} is inside of {folder}, which is not for backups: "
                    "the application can read and change what is there, or it is removed. "
                    "Set BACKUP_URL to a bucket or to a folder of its own: library/docs/how-to/backups.md"
                )


def read_configuration() -> Configuration:
    """Return the configuration of this process. Raise WrongUseError with the invalid variables."""
    try:
        return Configuration(read_django_environment())
    except ImproperlyConfigured as error:
        raise WrongUseError(str(error)) from None
