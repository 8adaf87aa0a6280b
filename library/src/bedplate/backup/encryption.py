"""Encryption for age recipients (https://age-encryption.org): the writer of a backup need not be able to read it."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

import pyrage

from bedplate.backup.errors import BackupError, UnusableBackupError, WrongUseError

SUFFIX: Final = ".age"
# Derives a secret for the names of media only from the environment's secret.
NAMING: Final = b"backup_system: names of encrypted media, 1"
# pyrage's message for a key that does not match.
ANOTHER_KEY: Final = "No matching keys found"


@dataclass(frozen=True)
class Encryption:
    """The keys of this machine: public ones to encrypt with, perhaps private ones to decrypt with."""

    recipients: Sequence[pyrage.x25519.Recipient] = ()
    identities: Sequence[pyrage.x25519.Identity] = ()
    naming_key: bytes = field(default=b"", repr=False)

    @classmethod
    def from_text(cls, *, recipients: str, identities: str, secret: str) -> "Encryption":
        """Return the keys in two texts, separated by white space. Raise WrongUseError if one is not a key.

        The names of encrypted media depend on the environment's secret.
        """
        try:
            return cls(
                [pyrage.x25519.Recipient.from_str(key) for key in recipients.split()],
                [pyrage.x25519.Identity.from_str(key) for key in identities.split() if key.startswith("AGE-")],
                hmac.digest(secret.encode(), NAMING, "sha256"),
            )
        except (pyrage.RecipientError, pyrage.IdentityError) as error:
            raise WrongUseError(
                f"BACKUP_AGE_RECIPIENTS or BACKUP_AGE_IDENTITY holds something that is not an age key: {error}"
            ) from None

    def content_name(self, sha256: str) -> str:
        """Return the name of the object with this content, or the prefix of its name.

        With encryption, the name differs for each set of recipients, so that new keys mean new objects; and without the
        environment's secret, a guess of the content cannot be tested.
        """
        if not self.recipients:
            return sha256
        keys = sorted({str(recipient) for recipient in self.recipients})
        return hmac.digest(self.naming_key, "\n".join([sha256, *keys]).encode(), "sha256").hex()

    def encrypt(self, source: Path, target: Path) -> str:
        """Write an encrypted copy of the file. Return the SHA-256 of the plain content that was read."""
        with source.open("rb") as file, target.open("wb") as encrypted:
            plain = _Hashed(file)
            pyrage.encrypt_io(plain, encrypted, self.recipients)
        return plain.sha256.hexdigest()

    def decrypt(self, source: Path, target: Path, *, name: str) -> None:
        """Write the decrypted content of the file.

        Raise UnusableBackupError with `name` if it is damaged; another BackupError if no private key of this machine
        decrypts it.
        """
        self.require_identity()
        try:
            with source.open("rb") as encrypted, target.open("wb") as plain:
                pyrage.decrypt_io(encrypted, plain, self.identities)
        except pyrage.DecryptError as error:
            if str(error) == ANOTHER_KEY:
                raise BackupError(
                    f"{name} cannot be decrypted ({error}): it is encrypted for another key than the one here."
                ) from None
            raise UnusableBackupError(f"{name} is damaged: it cannot be decrypted ({error}).") from None
        except OSError as error:
            if error.errno:  # an error of this machine's disk
                raise
            raise UnusableBackupError(f"{name} is damaged: it cannot be decrypted ({error}).") from None

    def require_identity(self) -> None:
        """Raise BackupError when this machine has no private key."""
        if not self.identities:
            raise BackupError(
                "The backup is encrypted, and this machine has no key to read it. "
                "Give it for this command alone: --identity-file FILE (library/docs/how-to/backups.md). "
                "Or, never on PROD, put the age identity into BACKUP_AGE_IDENTITY (.env or a file in /run/secrets)."
            )


class _Hashed:
    """A file that hashes what is read from it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.sha256.update(data)
        return data
