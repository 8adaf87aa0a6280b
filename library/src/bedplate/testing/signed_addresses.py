"""Verify a signed address as Google Cloud Storage does.

https://cloud.google.com/storage/docs/authentication/canonical-requests
"""

import hashlib
from typing import Final
from urllib.parse import parse_qs, quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ALGORITHM: Final = "GOOG4-RSA-SHA256"
SIGNATURE: Final = "X-Goog-Signature"


def is_signed(method: str, host: str, address: str, *, public_key: str) -> bool:
    """Return whether the request has a valid V4 signature of this key (PEM). `address` is path and query, as sent."""
    resource, _, query = address.partition("?")
    unsigned, _, signature = query.rpartition(f"&{SIGNATURE}=")
    values = {name: value[0] for name, value in parse_qs(unsigned).items()}
    if unsigned != "&".join(f"{quote(name, safe='')}={quote(values[name], safe='')}" for name in sorted(values)):
        return False
    request = "\n".join([method, resource, unsigned, f"host:{host}\n", "host", "UNSIGNED-PAYLOAD"])
    scope = values.get("X-Goog-Credential", "").partition("/")[2]
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join([ALGORITHM, values.get("X-Goog-Date", ""), scope, digest])
    key = serialization.load_pem_public_key(public_key.encode())
    assert isinstance(key, rsa.RSAPublicKey)
    try:
        key.verify(bytes.fromhex(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True
