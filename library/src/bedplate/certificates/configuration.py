"""The site and the issuer of its certificate, from the same variables as Django's settings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from django.core.exceptions import ImproperlyConfigured

from bedplate.certificates.errors import UsageError
from bedplate.environment import Environment, read_environment

DIRECTORIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "letsencrypt": "https://acme-v02.api.letsencrypt.org/directory",
        "staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
    }
)
OFF: Final = "off"


@dataclass(frozen=True)
class Configuration:
    """The site, the issuer, and the folders of the files."""

    variables: Environment
    volume: Path = Path("/certificates")
    """Shared with nginx, which only reads it."""
    challenges: Path = Path("/challenges")
    """Files with which nginx answers the issuer, over HTTP."""

    @property
    def domain(self) -> str:
        """The host name of the site, and of its certificate."""
        return self.variables.domain

    @property
    def is_off(self) -> bool:
        """Whether no issuer is asked: the certificate is installed by hand."""
        return self.variables.acme_server == OFF

    @property
    def directory(self) -> str:
        """The URL of the issuer's ACME directory."""
        return DIRECTORIES.get(self.variables.acme_server, self.variables.acme_server)

    @property
    def email(self) -> str:
        """The e-mail address for messages of the issuer; empty for none."""
        return self.variables.acme_email or self.variables.admin_email

    @property
    def offered(self) -> Path:
        """The file for nginx: the key and the certificates."""
        return self.volume / f"{self.domain}.pem"

    @property
    def certbot(self) -> Path:
        """Certbot's folder, one for each issuer: a test certificate is never used as a real one, nor replaces it."""
        return self.volume / "certbot" / re.sub("[^A-Za-z0-9.-]", "_", self.directory.partition("://")[2])

    @property
    def log(self) -> Path:
        """The log of certbot's last run."""
        return self.certbot / "logs" / "letsencrypt.log"


def read_configuration() -> Configuration:
    """Return the configuration of this process. Raise UsageError with the invalid variables."""
    try:
        return Configuration(read_environment())
    except ImproperlyConfigured as error:
        raise UsageError(str(error)) from None
