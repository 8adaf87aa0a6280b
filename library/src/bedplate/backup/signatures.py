"""Signatures of files, as `ssh-keygen -Y sign` writes them: anyone can verify one with `ssh-keygen -Y verify`.

The format is OpenSSH's (PROTOCOL.sshsig), here only with Ed25519 and SHA-512. The key is derived from a secret text,
which is created and rotated like any other secret.
"""

import base64
import hashlib
import hmac
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

# The purposes of signatures: one for an export is not valid for a backup.
BACKUP: Final = "bedplate-backup"
VERIFICATION: Final = "bedplate-verification"
EXPORT: Final = "bedplate-export"

KEY_TYPE: Final = "ssh-ed25519"
HASH: Final = "sha512"
BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
MAGIC: Final = b"SSHSIG"
VERSION: Final = struct.pack(">I", 1)
LINE: Final = 70
KEY_SIZE: Final = 32
SIGNATURE_SIZE: Final = 64
# Derives a secret for signatures only.
SIGNING: Final = b"bedplate: signing key of backups, 1"
PIECE: Final = 1 << 20
# The maximum length of a signature's text: ours have 300 characters.
LARGEST: Final = 4096


class SigningKey:
    """An Ed25519 key, derived from a secret text."""

    def __init__(self, secret: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(hmac.digest(secret.encode(), SIGNING, "sha256"))

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, data: bytes, purpose: str) -> bytes:
        """Return the signature of some bytes, as text."""
        return self._sign_hash(hashlib.sha512(data).digest(), purpose)

    def sign_file(self, file: BinaryIO, purpose: str) -> bytes:
        """Return the signature of the rest of a file of any size."""
        found = hashlib.sha512()
        while piece := file.read(PIECE):
            found.update(piece)
        return self._sign_hash(found.digest(), purpose)

    def _sign_hash(self, digest: bytes, purpose: str) -> bytes:
        signature = _strings([KEY_TYPE.encode(), self._key.sign(_signed(digest, purpose))])
        fields = [_public_blob(self.public), purpose.encode(), b"", HASH.encode(), signature]
        text = base64.b64encode(MAGIC + VERSION + _strings(fields)).decode()
        lines = (text[start : start + LINE] for start in range(0, len(text), LINE))
        return "\n".join([BEGIN, *lines, END, ""]).encode()


@dataclass(frozen=True)
class Signature:
    """A signature, and the public key that it names."""

    public: bytes
    purpose: str
    value: bytes

    @classmethod
    def from_bytes(cls, data: bytes) -> "Signature | None":
        """Return the signature in a text; None if it has another format."""
        if len(data) > LARGEST:
            return None
        try:
            first, *lines, last = data.decode("ascii").strip().splitlines()
            blob = base64.b64decode("".join(lines), validate=True)
            if (first, last) != (BEGIN, END) or not blob.startswith(MAGIC + VERSION):
                return None
            public, purpose, reserved, algorithm, signature = _split(blob.removeprefix(MAGIC + VERSION))
            kind, value = _split(signature)
            found = cls(public=key_of_blob(public), purpose=purpose.decode("ascii"), value=value)
        except ValueError:  # not text, not base64, or with other parts
            return None
        ours = (reserved, algorithm, kind) == (b"", HASH.encode(), KEY_TYPE.encode()) and len(value) == SIGNATURE_SIZE
        return found if ours else None

    def holds(self, data: bytes, purpose: str) -> bool:
        """Return whether it is valid for these bytes and that purpose, by the key that it names."""
        if self.purpose != purpose:
            return False
        try:
            key = Ed25519PublicKey.from_public_bytes(self.public)
            key.verify(self.value, _signed(hashlib.sha512(data).digest(), purpose))
        except (InvalidSignature, ValueError):
            return False
        return True


def public_text(public: bytes) -> str:
    """Return a public key as OpenSSH writes it."""
    return f"{KEY_TYPE} {base64.b64encode(_public_blob(public)).decode()}"


def key_of_blob(blob: bytes) -> bytes:
    """Return the 32 bytes of a public key in OpenSSH's format. Raise ValueError if it is not an Ed25519 key."""
    kind, public = _split(blob)
    if kind != KEY_TYPE.encode() or len(public) != KEY_SIZE:
        raise ValueError("not an Ed25519 key")
    return public


def _public_blob(public: bytes) -> bytes:
    return _strings([KEY_TYPE.encode(), public])


def _signed(digest: bytes, purpose: str) -> bytes:
    """Return the bytes that the key signs."""
    return MAGIC + _strings([purpose.encode(), b"", HASH.encode(), digest])


def _strings(values: Iterable[bytes]) -> bytes:
    """Return the values, each after its length."""
    return b"".join(struct.pack(">I", len(value)) + value for value in values)


def _split(data: bytes) -> list[bytes]:
    """Return the values that `_strings` joined. Raise ValueError for other data."""
    values, position = [], 0
    while position < len(data):
        if len(data) < (start := position + struct.calcsize(">I")):
            raise ValueError("a length is cut off")
        position = start + struct.unpack_from(">I", data, position)[0]
        if len(data) < position:
            raise ValueError("a text is cut off")
        values.append(data[start:position])
    return values
