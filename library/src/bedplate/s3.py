"""Clients of Amazon S3, and of other services with its protocol. Only a project that uses S3 has the package boto3."""

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal

HOW_TO: Final = "library/docs/how-to/uploads-in-a-bucket.md"
NO_CLIENT: Final = (
    'MEDIA_URL names a bucket of S3, and the images have no client for it: add "boto3" to the dependencies in '
    f"web/pyproject.toml, then web/lock.sh ({HOW_TO})"
)
LOCK: Final = Lock()
LARGEST_OBJECT: Final = 5 << 30
"""In bytes: what S3 takes, and copies, in one piece. The ETag of such an object is its MD5."""
TAKEN: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
MISSING: Final = frozenset({"NoSuchKey", "NoSuchBucket", "404", "NotFound"})
FORBIDDEN: Final = frozenset({"AccessDenied", "403", "Forbidden", "AllAccessDisabled"})
UNKNOWN_KEY: Final = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "ExpiredToken", "InvalidToken"}
)


@dataclass(frozen=True)
class Key:
    """An access key."""

    identifier: str
    secret: str = field(repr=False)


def read_key(file: Path) -> Key:
    """Return the access key in a file with the form of `~/.aws/credentials`. Raise ValueError if it has none."""
    text = file.read_text(errors="replace") if file.is_file() else ""
    if not text.strip():  # on a server the file exists, empty at first
        raise ValueError(
            "MEDIA_URL names a bucket, and there is no key of its account. Set it: ./bedplate rotate-secret "
            f"media_credentials --from credentials ({HOW_TO})"
        )
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
        section = parser["default"]
        return Key(section["aws_access_key_id"], section["aws_secret_access_key"])
    except (configparser.Error, KeyError):
        raise ValueError(
            f"{file.name} has no access key of S3: [default] with aws_access_key_id and aws_secret_access_key, as in "
            f"{HOW_TO}"
        ) from None


def connect(key: Key, endpoint: str, region: str, configuration: Any) -> Any:
    """Return boto3's resource S3 at this endpoint, which threads share. Raise ValueError without the package."""
    with LOCK:  # a session is for one thread at a time
        options = {"endpoint_url": endpoint, "region_name": region, "config": configuration}
        return _session(key).resource("s3", **options)


@lru_cache(maxsize=2)
def _session(key: Key) -> Any:
    """Return the session of a key: it keeps S3's models, which take 16 MB."""
    try:
        from boto3 import Session  # type: ignore[import-untyped] # noqa: PLC0415 - only projects with S3 have it
    except ImportError:
        raise ValueError(NO_CLIENT) from None
    return Session(aws_access_key_id=key.identifier, aws_secret_access_key=key.secret)


def configuration(*, attempts: int) -> Any:
    """Return botocore's configuration.

    The bucket is in the path, not in the host: so every service, and every bucket's name, works over TLS. Checksums
    that came to S3 in 2024 are left out where they are not required: other services do not know them all.
    """
    from botocore.config import Config  # type: ignore[import-untyped] # noqa: PLC0415 - only projects with S3 have it

    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=5,
        read_timeout=60,
        max_pool_connections=16,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )


def code_of(error: Exception) -> str:
    """Return S3's code of an error of a client; empty for one that is not S3's."""
    response: Mapping[str, Any] = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, Mapping) else ""


def kind_of(error: Exception) -> Literal["taken", "missing", "no bucket", "forbidden", "unknown key", ""]:
    """Return what an error of a client means; empty for all others."""
    code = code_of(error)
    if code == "NoSuchBucket":
        return "no bucket"
    for codes, kind in ((TAKEN, "taken"), (MISSING, "missing"), (FORBIDDEN, "forbidden"), (UNKNOWN_KEY, "unknown key")):
        if code in codes:
            return kind  # type: ignore[return-value] # one of them
    return ""


def md5_in(etag: str) -> str | None:
    """Return the MD5 in an ETag, in hexadecimal; None if the object was sent in parts."""
    bare = etag.strip('"')
    return bare if re.fullmatch("[0-9a-f]{32}", bare) else None
