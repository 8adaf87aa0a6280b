"""Django's settings for the database, the cache, the task queue and uploads: the servers that the environment names."""

from pathlib import Path
from typing import Any, Final

from bedplate.environment import Environment
from bedplate.environment_values import sentinels

# Allows readers with one writer; a writer takes the lock at the start, so it waits instead of failing.
SQLITE_OPTIONS: Final = {
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
}
# For pages that start tasks while Valkey is unavailable: they must respond.
QUEUE_TIMEOUTS: Final = {"socket_connect_timeout": 2, "socket_timeout": 5}


def database(environment: Environment) -> dict[str, Any]:
    """Return an entry of DATABASES: PostgreSQL, or SQLite in embedded mode."""
    if environment.embedded:
        name = environment.data_directory / "database.sqlite3"
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": name, "OPTIONS": SQLITE_OPTIONS}
    host, port = environment.postgres_address
    return {
        "ENGINE": "bedplate.django.postgresql",
        "HOST": host,
        "PORT": port,
        "NAME": environment.postgres_db,
        "USER": environment.postgres_user,
        "PASSWORD": environment.postgres_passwords[0],
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": bool(environment.postgres_pool),  # in a pool, a cursor's session may be another
        "OPTIONS": {"connect_timeout": 5},
    }


def cache(environment: Environment, url: str = "") -> dict[str, Any]:
    """Return an entry of CACHES: Valkey at this URL, which may be away, or this process's memory."""
    if environment.embedded or environment.isolated:
        return {"BACKEND": "bedplate.django.cache.MemoryCache", "LOCATION": url}
    return {"BACKEND": "bedplate.django.cache.OptionalCache", "LOCATION": url or environment.cache_database}


def task_queue(environment: Environment, *, visibility_timeout: int) -> tuple[str, dict[str, Any]]:
    """Return the queue's URL and Celery's options for it: Valkey, or files in embedded mode.

    An isolated process has a temporary queue in memory. Unacknowledged tasks are redelivered after `visibility_timeout`
    seconds.
    """
    if environment.embedded:
        options: dict[str, Any] = {
            "data_folder_in": str(environment.data_directory / "queue"),
            "data_folder_out": str(environment.data_directory / "queue"),
            "control_folder": str(environment.data_directory / "queue-control"),
            "polling_interval": 0.2,
        }
    else:
        options = {"visibility_timeout": visibility_timeout, **QUEUE_TIMEOUTS}
    if environment.isolated:
        return "memory://localhost", options
    if environment.embedded:
        return "filesystem://localhost", options
    urls, name = sentinels(environment.queue_database)
    if urls:
        return ";".join(urls), {**options, "master_name": name}
    return environment.queue_database, options


def uploads(environment: Environment, *, folder: Path, url: str) -> dict[str, Any]:
    """Return the entries of STORAGES for uploads: `default`, which is private, and `public`.

    They are in a bucket, or below the folder. The site serves them below `url`, in either case. An isolated process has
    a folder.
    """
    parts = {"default": "private/", "public": "public/"}
    if environment.isolated or not (bucket := environment.media_bucket):
        backend = "django.core.files.storage.FileSystemStorage"
        options: dict[str, dict[str, Any]] = {name: {"location": folder / part[:-1]} for name, part in parts.items()}
    else:
        backend = "bedplate.django.media.google_bucket.GoogleBucketStorage"
        where = {"bucket_name": bucket.name, "key": environment.media_credentials}
        if bucket.scheme == "s3":
            backend = "bedplate.django.media.s3_bucket.S3BucketStorage"
            where |= {"endpoint": environment.s3_address, "region": environment.s3_region}
        options = {name: {**where, "location": f"{bucket.folder}{part}"} for name, part in parts.items()}
    return {
        name: {"BACKEND": backend, "OPTIONS": {**options[name], "base_url": f"{url}{part}"}}
        for name, part in parts.items()
    }
