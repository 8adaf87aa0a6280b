"""Encrypts the content of waiting mail: it may contain links with tokens.

The key is derived from SECRET_KEY, which signs these tokens: so a backup of the database gives nothing more away than
without the outbox.
"""

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.crypto import salted_hmac


class UnreadableError(ValueError):
    """The content was encrypted with a key that this project does not have anymore, or was erased."""


def encrypt(content: bytes) -> bytes:
    """Return the encrypted content."""
    return cipher().encrypt(content)


def decrypt(content: bytes) -> bytes:
    """Return the content. Raise UnreadableError if no key fits."""
    try:
        return cipher().decrypt(content)
    except InvalidToken:
        raise UnreadableError("The content cannot be read: SECRET_KEY has changed, or it was erased.") from None


def cipher() -> MultiFernet:
    """Return the cipher with the key of SECRET_KEY, and of earlier ones to decrypt."""
    return MultiFernet([Fernet(key_of(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def key_of(secret: str) -> bytes:
    """Return Fernet's key for a secret."""
    return urlsafe_b64encode(salted_hmac("bedplate.outbox", "content", secret=secret, algorithm="sha256").digest())
