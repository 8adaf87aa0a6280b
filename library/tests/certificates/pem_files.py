"""Test keys and certificates."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

DOMAIN = "www.example.com"
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def make_key(*, password: bytes = b"") -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def make_pem(*names: str, expires: datetime = NOW + timedelta(days=90)) -> tuple[bytes, bytes]:
    """Return a key and its certificate."""
    key, key_pem = make_key()
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Test CA")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, expires - timedelta(days=90), expires)
    alternative = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
    certificate = builder.add_extension(alternative, critical=False).sign(key, hashes.SHA256())
    return key_pem, certificate.public_bytes(Encoding.PEM)
