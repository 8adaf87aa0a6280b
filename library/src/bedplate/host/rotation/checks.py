"""Checks before a secret is rotated: each raises AbortError, and changes nothing."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from bedplate.host import ROOT, password_lists
from bedplate.host.checks.server import SHORTEST_DEV_PASSWORD, problem_of_dev_password
from bedplate.host.configuration.env_file import PLACEHOLDER
from bedplate.host.configuration.environment import Environment
from bedplate.host.configuration.secret_list import FOLDER, Secret
from bedplate.host.errors import AbortError
from bedplate.host.programs import attempt
from bedplate.host.rotation.files import DEV_PASSWORD, as_basic_auth

SIGNERS = ROOT / "web/config/backup_signers"
HOW_TO_GET = {
    "google_credentials": "authenticate-google-storage.md",
    "media_credentials": "uploads-in-a-bucket.md",
}
ONE_LINE = ("secret_key", "postgres_password", "default_user_password", "email_password")


def find_secret(
    name: str, secrets: Mapping[str, Secret], environment: Environment, *, given: bool, command: str
) -> Secret:
    """Return the secret. Raise AbortError if it cannot be rotated here."""
    here = [secret.name for secret in secrets.values() if not secret.is_derived]
    if name not in here:
        raise AbortError(
            f"{environment.label} has no secret '{name}' to rotate. It has: {' '.join(here)}",
            "PROD must not have the key that decrypts backups; DEV does not send mail.",
            "To restore an encrypted backup there, give the key for that command alone: "
            "./google_storage.sh -r URL --identity-file FILE",
            '(library/docs/how-to/backups.md, "The server is gone, and its backups are encrypted")',
        )
    file = FOLDER / name
    if not given and not secrets[name].length:
        raise AbortError(f"{name} is made elsewhere.", f"Give it: {command} --from FILE")
    if not file.exists():
        raise AbortError(f"there is no secrets/{name} yet: its release is not deployed.", "First: ./bedplate deploy")
    if not os.access(FOLDER, os.W_OK) or not os.access(file, os.R_OK):
        raise AbortError(f"you may not change secrets/{name}.", "Run this as its owner.")
    return secrets[name]


def read_new(source: str, secret: Secret) -> str:
    """Return the secret from --from, without trailing line ends. Raise AbortError if it is invalid."""
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError:
        raise AbortError(f"there is no file {source} that you may read.") from None
    value = data.decode(errors="surrogateescape").rstrip("\n").removesuffix("\r")
    least = secret.length if secret.length and not secret.form else 1
    if PLACEHOLDER in value:
        raise AbortError(f"what --from gives holds the placeholder {PLACEHOLDER}.")
    if len(value) < least and secret.name != DEV_PASSWORD:
        raise AbortError(
            f"what --from gives is too short to be {secret.name}: {len(value)} characters, {least} at least."
        )
    if secret.form:
        check_address(value, secret)
    check_kind(value, secret.name)
    return value


def check_address(value: str, secret: Secret) -> None:
    """Raise AbortError if a URL is invalid. The password of another server is not checked."""
    if re.search(r"\s", value):
        raise AbortError("what --from gives has blanks or several lines; an address is one word.")
    if problem := password_lists.problem_of(value, secret):
        raise AbortError(f"what --from gives cannot be {secret.name}: {problem}")


def check_kind(value: str, name: str) -> None:
    """Raise AbortError if it cannot be a secret of this name."""
    of_s3 = name == "media_credentials" and "aws_access_key_id" in value and "aws_secret_access_key" in value
    if name in HOW_TO_GET and not (of_s3 or (value.startswith("{") and '"type"' in value and value.endswith("}"))):
        raise AbortError(
            'what --from gives is no key of a service account: JSON that names its "type".',
            f"How to get one, or for uploads one of S3: library/docs/how-to/{HOW_TO_GET[name]}",
        )
    if name == "backup_age_identity" and "AGE-SECRET-KEY-1" not in value:
        raise AbortError(
            "what --from gives is no age identity: it holds no AGE-SECRET-KEY-1….", "age-keygen makes one."
        )
    if name == DEV_PASSWORD and (problem := problem_of_dev_password(as_basic_auth(value))):
        raise AbortError(
            f"what --from gives cannot be dev_password: {problem}",
            f"Give another password, of {SHORTEST_DEV_PASSWORD} characters at least and without a colon; "
            "or none, and one is made.",
        )
    if name in ONE_LINE and re.search("[\r\n]", value):
        raise AbortError("what --from gives has several lines; a password or a key is one.")


def check_is_published() -> None:
    """Raise AbortError if the current signing key is not in the list: afterwards it could not be printed."""
    result = attempt([str(ROOT / "google_storage.sh"), "--public-key"])
    if result.returncode != 0:
        raise AbortError("the present key cannot be read, as said here.", *result.stderr.splitlines())
    line = result.stdout.strip()
    key = line.partition(" ")[2]
    if not SIGNERS.exists() or key not in SIGNERS.read_text(errors="replace"):
        raise AbortError(
            "web/config/backup_signers does not name the present key: earlier backups would not be trusted.",
            "Add this line, and commit it:",
            line,
            "If the key was stolen: add valid-before, see library/docs/how-to/backups.md#signatures",
        )
