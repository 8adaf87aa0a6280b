"""Certificates for local names, from an authority that only this machine trusts."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bedplate.host.commands import certificates as commands
from bedplate.host.console import say
from bedplate.host.programs import attempt, output, run
from bedplate.host.proxy import projects
from bedplate.host.proxy.installation import Proxy
from bedplate.host.user import user_name

RENEWED_BEFORE: Final = 30 * 24 * 60 * 60  # seconds

TRUST: Final = """
HTTPS uses its own certificate authority, {file}
It is limited to names that end in .local and .localhost. Browsers warn until they trust it; once, on this machine:

  macOS           sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain '{file}'
  Debian, Ubuntu  sudo cp '{file}' /usr/local/share/ca-certificates/proxy_pass.crt && sudo update-ca-certificates
  Windows (WSL)   import the file in certmgr.msc, under Trusted Root Certification Authorities
  Firefox, and Chromium on Linux, have their own lists: import the file in their settings, under Authorities

mkcert does all of this automatically: install it (https://github.com/FiloSottile/mkcert), then run this again.
"""


def renew(proxy: Proxy) -> bool:
    """Make a new certificate if the projects have changed or it expires within 30 days; return whether it did."""
    names = names_of_projects(proxy)
    if is_usable(proxy, names):
        return False
    proxy.certificates.mkdir(parents=True, exist_ok=True)
    if shutil.which("mkcert"):  # browsers trust its certificates at once
        run(["mkcert", "-install"])
        run(commands.mkcert(proxy.certificates / "certificate.pem", proxy.certificates / "key.pem", names))
    else:
        make_with_openssl(proxy, names)
    # The container's user reads them; on this machine the parent folder is private.
    proxy.certificates.chmod(0o755)
    for file in proxy.certificates.glob("*.pem"):
        file.chmod(0o644)
    names_file(proxy).write_text("".join(f"{name}\n" for name in names))
    return True


def names_file(proxy: Proxy) -> Path:
    """Return the file with the names of the last certificate."""
    return proxy.certificates / "names"


def names_of_projects(proxy: Proxy) -> list[str]:
    """Return the names of the projects, and those of the last certificate.

    A wildcard for .localhost or .local would be simpler, but browsers reject wildcards for top-level domains.
    """
    file = names_file(proxy)
    earlier = file.read_text().split() if file.exists() else []
    current = [projects.own_project(), *projects.reached(proxy)]
    return sorted({*earlier, *(f"{name}.{domain}" for name in current for domain in ("localhost", "local"))})


def is_usable(proxy: Proxy, names: Sequence[str]) -> bool:
    """Return whether there is a certificate for these names that does not expire soon."""
    file, certificate = names_file(proxy), proxy.certificates / "certificate.pem"
    if not file.exists() or file.read_text().split() != list(names):
        return False
    if not shutil.which("openssl"):
        return True
    return attempt(commands.still_valid(certificate, seconds=RENEWED_BEFORE)).returncode == 0


def make_with_openssl(proxy: Proxy, names: Sequence[str]) -> None:
    """Make a certificate with the proxy's own authority; create the authority first if it is missing."""
    authority = proxy.authority / "authority.pem"
    if not authority.exists():
        make_authority(proxy, authority)
    key = new_key(proxy.certificates / "key.pem")
    with tempfile.TemporaryDirectory() as folder:
        request, extensions = Path(folder, "request.pem"), Path(folder, "extensions")
        extensions.write_text(commands.extensions_of(names))
        output(commands.request(key, request))
        output(
            commands.signed(
                request,
                extensions,
                authority=authority,
                key=proxy.authority / "key.pem",
                certificate=proxy.certificates / "certificate.pem",
            )
        )


def make_authority(proxy: Proxy, file: Path) -> None:
    """Create the authority, and print how to make browsers trust it."""
    proxy.authority.mkdir(mode=0o700, parents=True, exist_ok=True)
    output(commands.authority(file, new_key(proxy.authority / "key.pem"), owner=user_name()))
    say(TRUST.format(file=file))


def new_key(file: Path) -> Path:
    """Return the file with a new key, readable only by its owner."""
    file.unlink(missing_ok=True)
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    output(commands.new_key(file))
    return file
