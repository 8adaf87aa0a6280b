"""Key and certificates in one PEM file, as nginx reads them: validation and installation."""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import mkstemp
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from bedplate.certificates.errors import BrokenCertificateError

KEY: Final = re.compile(rb"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.+?-----END \1PRIVATE KEY-----", re.DOTALL)


@dataclass(frozen=True)
class Certificate:
    """The host names, the issuer and the expiry date of a certificate."""

    names: tuple[str, ...]
    issuer: str
    expires: datetime

    def covers(self, domain: str) -> bool:
        """Return whether browsers accept it for this host name."""
        wildcard = f"*.{domain.partition('.')[2]}"
        return domain in self.names or wildcard in self.names


def join(parts: Iterable[Path]) -> bytes:
    """Return the files' contents, one after the other."""
    return b"".join(part.read_bytes() for part in parts)


def read(content: bytes) -> Certificate:
    """Return the first certificate. Raise BrokenCertificateError if it is invalid, or its private key is missing."""
    try:
        first, *_others = x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise BrokenCertificateError(f"There is no certificate that can be read: {error}") from None
    key = KEY.search(content)
    if key is None:
        raise BrokenCertificateError("There is no private key (-----BEGIN PRIVATE KEY-----).")
    try:
        private_key = load_pem_private_key(key[0], password=None)
    except TypeError:
        raise BrokenCertificateError("The private key has a password, which nginx cannot enter.") from None
    except ValueError as error:
        raise BrokenCertificateError(f"The private key cannot be read: {error}") from None
    if private_key.public_key() != first.public_key():
        raise BrokenCertificateError("The key does not belong to the first certificate. The site's own goes first.")
    return Certificate(names=_names(first), issuer=_issuer(first), expires=first.not_valid_after_utc)


def check(content: bytes, *, domain: str, now: datetime) -> Certificate:
    """Return the certificate. Raise BrokenCertificateError if it is not valid now for this host name."""
    certificate = read(content)
    if not certificate.covers(domain):
        raise BrokenCertificateError(f"It is for {', '.join(certificate.names) or 'no name'}, not for {domain}.")
    if certificate.expires <= now:
        raise BrokenCertificateError(f"It has expired, on {certificate.expires:%Y-%m-%d}.")
    return certificate


def write_atomically(content: bytes, path: Path) -> bool:
    """Write the file atomically, with mode 0600. Return False if it has this content already."""
    with suppress(OSError):  # missing or unreadable: write it
        if path.read_bytes() == content:
            return False
    descriptor, name = mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise
    return True


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(names.value.get_values_for_type(x509.DNSName))


def _issuer(certificate: x509.Certificate) -> str:
    parts = [
        attribute.value
        for name in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
        for attribute in certificate.issuer.get_attributes_for_oid(name)
        if isinstance(attribute.value, str)
    ]
    return ", ".join(parts) or "an unnamed issuer"
