"""The credentials for Google Cloud Storage that this machine has."""

import os
from pathlib import Path

import google.auth
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import DefaultCredentialsError

from backup_system.errors import BackupError

SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"


def load_credentials(file: Path) -> Credentials:
    """Return what is in the file: a service account's key or a person's token. Raise BackupError if nothing usable is."""
    if not file.exists():
        if "STORAGE_EMULATOR_HOST" in os.environ:
            return AnonymousCredentials()
        raise BackupError("This machine has no credentials for Google Cloud Storage yet. Run ./google_storage.sh -a")
    try:
        credentials, _project = google.auth.load_credentials_from_file(str(file), scopes=[SCOPE])
    except (DefaultCredentialsError, ValueError, OSError) as error:
        raise BackupError(f"The credentials cannot be used ({error}). Run ./google_storage.sh -a again.") from None
    return credentials
