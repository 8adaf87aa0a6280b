"""The variables that the library reads: their types, meaning, defaults and checks. A project adds its own."""

import os
import sys
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.core.exceptions import ImproperlyConfigured
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic import SecretStr as SecretStr  # noqa: PLC0414 - projects have it from here, for their own fields
from pydantic_settings import BaseSettings, SettingsConfigDict

PLACEHOLDER: Final = "change-me"
SECRETS_DIRECTORY: Final = Path("/run/secrets")
SHORTEST_KEY: Final = 32


class Environment(BaseSettings):
    """What the library knows of the project, read from the environment, then from files in `/run/secrets`."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    environment: Literal["local", "dev", "prod", "embedded"] = Field(
        default="prod", description="Which environment runs: LOCAL, DEV, PROD, or embedded (no Docker, SQLite)."
    )
    debug: bool = Field(default=False, description="Django's debug pages. On in LOCAL only.")
    compose_project_name: str = Field(
        default="app", description="The project's slug: it names containers, volumes, images and cookies."
    )
    project_name: str = Field(default="App", description="The name people read, in pages and mails.")
    domain: str = Field(default="localhost", description="The host name of the site.")
    time_zone: str = Field(default="UTC", description="Time zone of pages, logs and cron (an IANA name).")
    admin_email: str = Field(default="", description="Who gets mail about errors. Empty: nobody.")

    hsts_include_subdomains: bool = Field(
        default=False,
        description="Browsers use HTTPS alone for every name below `DOMAIN` too, for a year. DEV and PROD.",
    )
    hsts_preload: bool = Field(
        default=False,
        description="The domain may be put on the browsers' own list of sites with HTTPS alone; hard to undo. Needs "
        "`HSTS_INCLUDE_SUBDOMAINS`. DEV and PROD.",
    )
    web_workers: int = Field(
        default=2, ge=1, le=64, description="Processes that make pages: one for each core. DEV and PROD."
    )
    web_threads: int = Field(
        default=4,
        ge=1,
        le=64,
        description="Threads of each of these processes, each with a database connection of its own. More help where "
        "pages wait for others. DEV and PROD.",
    )

    isolated: bool = Field(
        default=False,
        description="Whether this process works on a copy of the database, as restores, drills and exports do: cache, "
        "queue, mail and files are its own, and nothing connects elsewhere. They set it; not for `.env`.",
    )

    secret_key: SecretStr = Field(
        description="Signs sessions and links. Secret; at least 32 random characters. Earlier keys, a line each, may "
        "follow: what they signed is still taken.",
    )

    postgres_host: str = Field(default="postgres", description="Host name of PostgreSQL.")
    postgres_port: int = Field(default=5432, description="Port of PostgreSQL.")
    postgres_db: str = Field(default="app", description="Name of the database.")
    postgres_user: str = Field(default="app", description="The database's owner, and who the application logs in as.")
    postgres_password: SecretStr | None = Field(
        default=None,
        validate_default=True,
        description="Password of that user. Secret; needed everywhere but in embedded mode. While it is being "
        "replaced, the other one follows on a line of its own.",
    )
    valkey_url: SecretStr = Field(
        default=SecretStr("redis://valkey:6379"),
        description="Valkey: the task queue, with user and password: `redis://queue:…@valkey:6379`. Over TLS: "
        "`rediss://…?ssl_ca_certs=/path/to/ca.pem`. Secret; not in embedded mode.",
    )
    cache_url: SecretStr = Field(default=SecretStr("redis://cache:6379"), description="The cache; as `VALKEY_URL`.")
    data_directory: Path = Field(
        default=Path("/data"), description="Folder of uploads, caught mail and, in embedded mode, database and queue."
    )

    acme_server: str = Field(
        default="letsencrypt",
        pattern="^(letsencrypt|staging|off|https://.+)$",
        description="Who issues the certificate of DEV and PROD, by ACME: `letsencrypt`; `staging`, Let's Encrypt's "
        "for trying; another, by the address of its directory; `off`: nobody, it is brought by hand.",
    )
    acme_email: str = Field(default="", description="Whom the certificate's issuer may write to. Empty: `ADMIN_EMAIL`.")

    default_user_email: str = Field(default="admin@localhost", description="E-mail of the first user.")
    default_user_password: SecretStr | None = Field(
        default=None, description="Password of the first user. Used once, when that user is made."
    )

    email_host: str = Field(default="localhost", description="SMTP server. PROD only: elsewhere mail is caught.")
    email_port: int = Field(default=587, description="Port of the SMTP server.")
    email_user: str = Field(default="", description="User name at the SMTP server. Empty: no login.")
    email_password: SecretStr = Field(default=SecretStr(""), description="Password at the SMTP server. Secret.")
    email_use_tls: bool = Field(default=True, description="STARTTLS with the SMTP server.")
    default_from_email: str = Field(default="noreply@localhost", description="Sender of the site's mail.")

    backup_url: str = Field(
        default="",
        description="Where backups are: `gs://BUCKET` or `file:///FOLDER`. Needed in DEV and PROD; elsewhere, empty is "
        "`backups` in the data directory.",
    )
    backup_keep_daily: int = Field(default=14, ge=1, description="Of how many days the newest backup is kept.")
    backup_keep_weekly: int = Field(default=8, ge=0, description="Of how many weeks the newest backup is kept.")
    backup_keep_monthly: int = Field(default=12, ge=0, description="Of how many months the newest backup is kept.")
    backup_pruning: Literal["here", "elsewhere"] = Field(
        default="here", description="Where PROD's old backups go: `elsewhere` if its account may not delete."
    )
    backup_age_recipients: str = Field(
        default="", description="age public keys, separated by spaces, to encrypt backups for. Empty: not encrypted."
    )
    backup_age_identity: SecretStr = Field(
        default=SecretStr(""), description="age private key that reads encrypted backups. Secret; never on PROD."
    )
    backup_lease_seconds: int = Field(
        default=90, gt=0, description="Seconds of silence after which another machine's backup counts as dead."
    )
    backup_disk_reserve_mb: int = Field(
        default=1024,
        ge=0,
        description="Megabytes of disk that restores, drills and exports leave free: they end before the disk is full.",
    )
    backup_drill_limit_minutes: float = Field(
        default=180,
        gt=0,
        le=300,
        description="Minutes that the database of a drill, or the copy for an export, may work before it is ended.",
    )
    backup_retry_seconds: int = Field(
        default=180, gt=0, description="Seconds for which a bucket that does not answer is asked again."
    )
    google_oauth_client_id: str = Field(
        default="", description="OAuth client of the team, type desktop, for `./google_storage.sh -a` in a browser."
    )
    google_oauth_client_secret: SecretStr = Field(default=SecretStr(""), description="Secret of that OAuth client.")
    google_oauth_auth_uri: str = Field(
        default="https://accounts.google.com/o/oauth2/auth", description="Where people give that client their consent."
    )
    google_oauth_token_uri: str = Field(
        default="https://oauth2.googleapis.com/token", description="Where that client gets its tokens."
    )
    google_credentials: Path = Field(
        default=Path("/run/secrets/google_credentials"),
        description="File with the credentials for Google Cloud Storage; `./google_storage.sh -a` writes it.",
    )

    task_time_limit: int = Field(
        default=3600, gt=60, description="Seconds after which a background task is ended by force."
    )
    cron_ping_url: str = Field(
        default="",
        pattern="^(https?://.+)?$",
        description="Where runs of cron are told, as Healthchecks has it: `<url>/<task>/start`, `<url>/<task>`, "
        "`<url>/<task>/fail`. Empty: nowhere.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The least severe messages to log."
    )
    log_format: Literal["json", "text"] = Field(
        default="json", description="`json`, a line an event, for machines; `text`, for a terminal."
    )

    @field_validator("secret_key", "postgres_password", "default_user_password", "email_password")
    @classmethod
    def refuse_placeholder(cls, value: SecretStr | None) -> SecretStr | None:
        """Return the secret unless it is the placeholder of `.env.example`."""
        if value is not None and PLACEHOLDER in value.get_secret_value():
            raise ValueError(f"still holds the placeholder {PLACEHOLDER!r}")
        return value

    @field_validator("time_zone")
    @classmethod
    def require_known_time_zone(cls, value: str) -> str:
        """Return the name of a time zone that this system knows."""
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):  # unknown; a path; a folder
            raise ValueError(f"{value!r} is not a time zone: use an IANA name, such as Europe/Zurich") from None
        return value

    @field_validator("hsts_preload")
    @classmethod
    def require_subdomains(cls, value: bool, info: ValidationInfo) -> bool:
        """Return whether the domain may be preloaded, which the lists take with its subdomains only."""
        if value and not info.data.get("hsts_include_subdomains"):
            raise ValueError("needs HSTS_INCLUDE_SUBDOMAINS=true")
        return value

    @field_validator("secret_key")
    @classmethod
    def refuse_short_keys(cls, value: SecretStr) -> SecretStr:
        """Return the keys, each of which is long enough."""
        if min(map(len, lines(value)), default=0) < SHORTEST_KEY:
            raise ValueError(f"has a key of less than {SHORTEST_KEY} characters")
        return value

    @field_validator("postgres_password")
    @classmethod
    def require_database_password(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """Return the password, which only SQLite does without."""
        if value is None and info.data.get("environment") != "embedded":
            raise ValueError("is not set")
        return value

    @property
    def queue_database(self) -> str:
        """The address of the task queue."""
        return with_database(self.valkey_url.get_secret_value(), 0)

    @property
    def cache_database(self) -> str:
        """The address of the cache: emptying it leaves the queue, where one server holds both."""
        return with_database(self.cache_url.get_secret_value(), 1)

    @property
    def signing_keys(self) -> tuple[str, ...]:
        """The key that signs, then earlier ones."""
        return lines(self.secret_key)

    @property
    def postgres_passwords(self) -> tuple[str, ...]:
        """The passwords that PostgreSQL may ask for, the likeliest first; the empty one where there is none."""
        return lines(self.postgres_password) if self.postgres_password else ("",)

    @property
    def embedded(self) -> bool:
        """Whether the project runs without servers: SQLite, in-memory cache, queue in a folder."""
        return self.environment == "embedded"

    @property
    def private(self) -> bool:
        """Whether only people on this machine reach the site."""
        return self.environment in {"local", "embedded"}

    @property
    def https(self) -> bool:
        """Whether people reach the site over HTTPS."""
        return not self.private

    @property
    def catches_mail(self) -> bool:
        """Whether mail is kept in a folder, readable in the browser, in place of being sent."""
        return self.environment != "prod" or self.isolated


def with_database(url: str, number: int) -> str:
    """Return the address of a database of Valkey: its number goes before what the URL has behind a `?`."""
    return urlsplit(url)._replace(path=f"/{number}").geturl()


def lines(secret: SecretStr) -> tuple[str, ...]:
    """Return a secret's lines, but empty ones."""
    return tuple(line for line in map(str.strip, secret.get_secret_value().splitlines()) if line)


def read_environment(**overrides: Any) -> Environment:
    """Return what the library knows of the configuration of this process. Raise ImproperlyConfigured as `read`."""
    return read(Environment, **overrides)


def read[Read: Environment](kind: type[Read], **overrides: Any) -> Read:
    """Return the configuration of this process, as a project's own class has it.

    Raise ImproperlyConfigured, naming every variable that is missing or unusable.
    """
    # A process that is isolated is given what it needs, and no other secret.
    isolated = os.environ.get("ISOLATED", "").lower() == "true"
    secrets_directory = SECRETS_DIRECTORY if SECRETS_DIRECTORY.is_dir() and not isolated else None
    try:
        return kind(_secrets_dir=secrets_directory, **overrides)
    except ValidationError as error:
        raise ImproperlyConfigured(_explain(error)) from None


def read_or_exit[Read: Environment](kind: type[Read]) -> Read:
    """Return the configuration of this process; end it, with the reason instead of a traceback, if unusable."""
    try:
        return read(kind)
    except ImproperlyConfigured as error:
        sys.exit(str(error))


def _explain(error: ValidationError) -> str:
    lines = ["The configuration is not usable. Set these in .env, or as files in /run/secrets:"]
    for problem in error.errors(include_url=False):
        variable = "".join(map(str, problem["loc"])).upper()
        reason = "is not set" if problem["type"] == "missing" else problem["msg"].removeprefix("Value error, ")
        lines.append(f"  {variable}: {reason}")
    return "\n".join(lines)
