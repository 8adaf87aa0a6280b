"""The variables that the library reads: types, meaning, defaults and validation. A project adds its own."""

import os
import sys
from pathlib import Path
from typing import Any, Final, Literal

from django.core.exceptions import ImproperlyConfigured
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic import SecretStr as SecretStr  # noqa: PLC0414 - projects import it from here
from pydantic_settings import SettingsConfigDict

from bedplate.environment_values import Dsn, Secret, TimeZone, ValkeyUrl, error_message, lines, with_database
from bedplate.login_provider import LoginProvider
from bedplate.uploads import Uploads

SECRETS_DIRECTORY: Final = Path("/run/secrets")
SHORTEST_KEY: Final = 32


class Environment(Uploads, LoginProvider):
    """The project's configuration, read from the environment, then from files in `/run/secrets`."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    environment: Literal["local", "dev", "prod", "embedded"] = Field(
        default="prod", description="Which environment runs: LOCAL, DEV, PROD, or embedded (no Docker, SQLite)."
    )
    debug: bool = Field(default=False, description="Django's debug pages. On in LOCAL only.")
    debug_toolbar: bool = Field(default=False, description="Django Debug Toolbar on pages. LOCAL only; needs `DEBUG`.")
    compose_project_name: str = Field(
        default="app", description="The project's slug, in the names of containers, volumes, images and cookies."
    )
    project_name: str = Field(default="App", description="The project's name in pages and mails.")
    domain: str = Field(default="localhost", description="The host name of the site.")
    time_zone: TimeZone = Field(default="UTC", description="Time zone of pages, logs and cron (an IANA name).")
    admin_email: str = Field(default="", description="E-mail address for mail about errors. Empty: no mail.")

    hsts_include_subdomains: bool = Field(
        default=False,
        description="Browsers use only HTTPS for the subdomains of `DOMAIN` too, for a year. DEV and PROD.",
    )
    hsts_preload: bool = Field(
        default=False,
        description="The domain may be in the browsers' list of HTTPS-only sites (preload); hard to undo. Needs "
        "`HSTS_INCLUDE_SUBDOMAINS`. DEV and PROD.",
    )
    web_workers: int = Field(
        default=2, ge=1, le=64, description="Web server processes: one for each core. DEV and PROD."
    )
    web_threads: int = Field(
        default=4,
        ge=1,
        le=64,
        description="Threads of each of these processes, each with its own database connection. More help if "
        "pages wait for other servers. DEV and PROD.",
    )

    isolated: bool = Field(
        default=False,
        description="Whether this process works on a copy of the database: with its own cache, queue, mail and files; "
        "it cannot connect to servers. Restores, verifications and exports set it; not for `.env`.",
    )

    secret_key: Secret = Field(
        description="Signs sessions and links. Secret; at least 32 random characters. Earlier keys may follow, one "
        "on each line: signatures of these stay valid.",
    )

    postgres_host: str = Field(
        default="postgres",
        description="Host name of PostgreSQL. Several, with commas: a primary and its replicas; the one that takes "
        "writes is used.",
    )
    postgres_port: int = Field(default=5432, description="Port of PostgreSQL.")
    postgres_pool: str = Field(
        default="",
        pattern=r"^([\w.-]+:\d{1,5})?$",
        description="PgBouncer in transaction mode, `host:port`: pages and background tasks connect to it. Commands of "
        "`manage.py`, cron and backups connect to PostgreSQL itself. Empty: all do.",
    )
    postgres_db: str = Field(default="app", description="Name of the database.")
    postgres_user: str = Field(default="app", description="Database user of the application, which owns the database.")
    postgres_password: Secret | None = Field(
        default=None,
        validate_default=True,
        description="Password of that user. Secret; required, except in embedded mode. During a "
        "rotation, the other password follows on a second line.",
    )
    valkey_url: ValkeyUrl = Field(
        default=SecretStr("redis://valkey:6379"),
        description="Valkey: the task queue, with user and password: `redis://queue:…@valkey:6379`. Over TLS: "
        "`rediss://…?ssl_ca_certs=/path/to/ca.pem`. With Sentinels: `sentinel://…@a:26379,b:26379?master_name=NAME`. "
        "Secret; not in embedded mode.",
    )
    cache_url: ValkeyUrl = Field(default=SecretStr("redis://cache:6379"), description="The cache, like `VALKEY_URL`.")
    data_directory: Path = Field(
        default=Path("/data"), description="Folder of uploads, caught mail; in embedded mode also database and queue."
    )

    acme_server: str = Field(
        default="letsencrypt",
        pattern="^(letsencrypt|staging|off|https://.+)$",
        description="ACME server for the certificate of DEV and PROD: `letsencrypt`; `staging`, Let's Encrypt's test "
        "server; the URL of another server's directory; `off`: none, you install the certificate by hand.",
    )
    acme_email: str = Field(default="", description="E-mail for the certificate's issuer. Empty: `ADMIN_EMAIL`.")

    default_user_email: str = Field(default="admin@localhost", description="E-mail of the first user.")
    default_user_password: Secret | None = Field(
        default=None, description="Password of the first user. Used once, when that user is created."
    )

    email_host: str = Field(default="localhost", description="SMTP server. PROD only: elsewhere no mail is sent.")
    email_port: int = Field(default=587, description="Port of the SMTP server.")
    email_user: str = Field(default="", description="User name at the SMTP server. Empty: no login.")
    email_password: Secret = Field(default=SecretStr(""), description="Password at the SMTP server. Secret.")
    email_use_tls: bool = Field(default=True, description="STARTTLS with the SMTP server.")
    default_from_email: str = Field(default="noreply@localhost", description="Sender of the site's mail.")

    backup_url: str = Field(
        default="",
        description="Store of the backups: `gs://BUCKET` or `file:///FOLDER`. Empty (LOCAL, embedded): below `/data`.",
    )
    backup_keep_daily: int = Field(default=14, ge=1, description="Number of daily backups to keep.")
    backup_keep_weekly: int = Field(default=8, ge=0, description="Number of weekly backups to keep.")
    backup_keep_monthly: int = Field(default=12, ge=0, description="Number of monthly backups to keep.")
    backup_pruning: Literal["here", "elsewhere"] = Field(
        default="here", description="Where PROD's old backups are deleted: `elsewhere` if its account may not delete."
    )
    backup_age_recipients: str = Field(
        default="", description="age public keys, separated by spaces, to encrypt backups for. Empty: not encrypted."
    )
    backup_age_identity: SecretStr = Field(
        default=SecretStr(""), description="age private key that reads encrypted backups. Secret; never on PROD."
    )
    backup_signing_key: Secret = Field(
        default=SecretStr(""), description="Signs backups and archives. Secret; LOCAL and embedded: `SECRET_KEY` does."
    )
    backup_lease_seconds: int = Field(
        default=90, gt=0, description="Seconds of silence after which another machine's backup counts as dead."
    )
    backup_disk_reserve_mb: int = Field(
        default=1024,
        ge=0,
        description="Megabytes of disk that restores, verifications and exports leave free, to not fill the disk.",
    )
    backup_drill_limit_minutes: float = Field(
        default=180,
        gt=0,
        le=300,
        description="Time limit, in minutes, of the database of a verification, or of the copy for an export.",
    )
    backup_retry_seconds: int = Field(
        default=180, gt=0, description="Seconds for which requests to a bucket that does not answer are repeated."
    )
    google_oauth_client_id: str = Field(
        default="", description="OAuth client of the team, type desktop, for `./google_storage.sh -a` in a browser."
    )
    google_oauth_client_secret: SecretStr = Field(default=SecretStr(""), description="Secret of that OAuth client.")
    google_oauth_auth_uri: str = Field(
        default="https://accounts.google.com/o/oauth2/auth",
        description="Page where users give that client their consent.",
    )
    google_oauth_token_uri: str = Field(
        default="https://oauth2.googleapis.com/token", description="Token endpoint of that client."
    )
    google_credentials: Path = Field(
        default=Path("/run/secrets/google_credentials"),
        description="File with the credentials for Google Cloud Storage; `./google_storage.sh -a` writes it.",
    )

    task_time_limit: int = Field(default=3600, gt=60, description="Seconds after which a background task is killed.")
    cron_ping_url: str = Field(
        default="",
        pattern="^(https?://.+)?$",
        description="URL for pings about cron runs, as for Healthchecks: `<url>/<task>`, with `/start`, `/fail`.",
    )
    metrics_token: Secret = Field(
        default=SecretStr(""),
        description="Token of Prometheus for `/operations/metrics`. Secret; at least 32 characters. Empty: closed.",
    )
    sentry_dsn: Dsn = Field(
        default=SecretStr(""),
        description="DSN of Sentry, for errors without personal data. Secret. Empty: none are sent.",
    )
    release: str = Field(default="", description="The release that runs. `./bedplate deploy` sets it.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The least severe messages to log."
    )
    log_format: Literal["json", "text"] = Field(
        default="json", description="`json`, one line for each event, for machines; `text`, for a terminal."
    )

    @field_validator("hsts_preload")
    @classmethod
    def require_subdomains(cls, value: bool, info: ValidationInfo) -> bool:
        """Return the value. Raise ValueError without subdomains: the preload lists require them."""
        if value and not info.data.get("hsts_include_subdomains"):
            raise ValueError("needs HSTS_INCLUDE_SUBDOMAINS=true")
        return value

    @field_validator("secret_key", "backup_signing_key", "metrics_token")
    @classmethod
    def refuse_short_keys(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        """Return the keys. Raise ValueError if one is too short. Only `secret_key` is always required."""
        if min(map(len, lines(value)), default=0 if info.field_name == "secret_key" else SHORTEST_KEY) < SHORTEST_KEY:
            raise ValueError(f"has a key of less than {SHORTEST_KEY} characters")
        return value

    @field_validator("postgres_password")
    @classmethod
    def require_database_password(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """Return the password. Raise ValueError if it is missing: only SQLite needs none."""
        if value is None and info.data.get("environment") != "embedded":
            raise ValueError("is not set")
        return value

    @property
    def queue_database(self) -> str:
        """The URL of the task queue."""
        return with_database(self.valkey_url.get_secret_value(), 0)

    @property
    def cache_database(self) -> str:
        """The URL of the cache, in its own database: clearing it keeps the queue if one server has both."""
        return with_database(self.cache_url.get_secret_value(), 1)

    @property
    def signing_keys(self) -> tuple[str, ...]:
        """The signing key, then earlier ones."""
        return lines(self.secret_key)

    @property
    def postgres_address(self) -> tuple[str, str]:
        """Host and port to which Django connects: those of the pool, if there is one."""
        host, _, port = self.postgres_pool.rpartition(":")
        return (host, port) if host else (self.postgres_host, str(self.postgres_port))

    @property
    def postgres_passwords(self) -> tuple[str, ...]:
        """The passwords to try with PostgreSQL, the most likely first; an empty one if none is set."""
        return lines(self.postgres_password) if self.postgres_password else ("",)

    @property
    def embedded(self) -> bool:
        """Whether the project runs without servers: SQLite, in-memory cache, queue in a folder."""
        return self.environment == "embedded"

    @property
    def private(self) -> bool:
        """Whether the site is reachable from this machine only."""
        return self.environment in {"local", "embedded"}

    @property
    def https(self) -> bool:
        """Whether the site uses HTTPS."""
        return not self.private

    @property
    def catches_mail(self) -> bool:
        """Whether mail is kept in a folder, readable in the browser, instead of being sent."""
        return self.environment != "prod" or self.isolated


def read_environment(**overrides: Any) -> Environment:
    """Return the library's configuration of this process. Raise ImproperlyConfigured like `read`."""
    return read(Environment, **overrides)


def read[Read: Environment](kind: type[Read], **overrides: Any) -> Read:
    """Return the configuration of this process, an instance of the project's own class.

    Raise ImproperlyConfigured with every variable that is missing or invalid.
    """
    # An isolated process gets the variables that it needs, and no other secret.
    isolated = os.environ.get("ISOLATED", "").lower() == "true"
    secrets_directory = SECRETS_DIRECTORY if SECRETS_DIRECTORY.is_dir() and not isolated else None
    try:
        configuration = kind(_secrets_dir=secrets_directory, **overrides)
    except ValidationError as error:
        raise ImproperlyConfigured(error_message(error)) from None
    if "," in configuration.postgres_host:  # for all that use libpq: Django, psycopg, pg_dump
        os.environ.setdefault("PGTARGETSESSIONATTRS", "read-write")
    return configuration


def read_or_exit[Read: Environment](kind: type[Read]) -> Read:
    """Return the configuration of this process. Exit with the reason, without a traceback, if it is invalid."""
    try:
        return read(kind)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
