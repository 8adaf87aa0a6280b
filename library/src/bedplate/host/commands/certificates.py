"""Argument lists of openssl and mkcert."""

import secrets
from collections.abc import Sequence
from pathlib import Path

DAYS_OF_AUTHORITY = 3650
DAYS_OF_CERTIFICATE = 397  # browsers refuse more


def mkcert(certificate: Path, key: Path, names: Sequence[str]) -> list[str]:
    """Return the command that makes a certificate with mkcert's authority."""
    return ["mkcert", "-cert-file", str(certificate), "-key-file", str(key), *names]


def still_valid(certificate: Path, *, seconds: int) -> list[str]:
    """Return the command that fails if the certificate expires within `seconds`."""
    return ["openssl", "x509", "-checkend", str(seconds), "-noout", "-in", str(certificate)]


def new_key(key: Path) -> list[str]:
    """Return the command that makes a key."""
    return ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key)]


def authority(certificate: Path, key: Path, *, owner: str) -> list[str]:
    """Return the command that makes an authority limited to local names.

    A thief of its key cannot impersonate any other site.
    """
    extensions = (
        "basicConstraints=critical,CA:true,pathlen:0",
        "keyUsage=critical,keyCertSign",
        "nameConstraints=critical,permitted;DNS:local,permitted;DNS:localhost",
    )
    request = ["openssl", "req", "-x509", "-new", "-key", str(key), "-sha256", "-days", str(DAYS_OF_AUTHORITY)]
    added = [part for extension in extensions for part in ("-addext", extension)]
    return [*request, "-subj", f"/CN=proxy_pass of {owner}", *added, "-out", str(certificate)]


def request(key: Path, file: Path) -> list[str]:
    """Return the command that writes a request for a certificate."""
    return ["openssl", "req", "-new", "-key", str(key), "-subj", "/CN=Local names of this machine", "-out", str(file)]


def extensions_of(names: Sequence[str]) -> str:
    """Return the text of the extensions file of a certificate for these names."""
    return (
        "basicConstraints=critical,CA:false\nextendedKeyUsage=serverAuth\nkeyUsage=critical,digitalSignature\n"
        f"subjectAltName={','.join(f'DNS:{name}' for name in names)}\n"
    )


def signed(request_file: Path, extensions: Path, *, authority: Path, key: Path, certificate: Path) -> list[str]:
    """Return the command that signs a request with the authority's key."""
    command = ["openssl", "x509", "-req", "-in", str(request_file), "-extfile", str(extensions), "-sha256"]
    dates = ["-days", str(DAYS_OF_CERTIFICATE), "-set_serial", f"0x{secrets.token_hex(16)}"]
    return [*command, *dates, "-CA", str(authority), "-CAkey", str(key), "-out", str(certificate)]
