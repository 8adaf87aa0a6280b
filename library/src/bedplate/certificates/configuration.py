"""What is known of the site and of who issues its certificate, from the same variables as Django's settings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from django.core.exceptions import ImproperlyConfigured

from bedplate.certificates.errors import WrongUseError
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
    """The site, the issuer, and where files are."""

    variables: Environment
    volume: Path = Path("/certificates")
    """Shared with nginx, which reads it alone."""
    challenges: Path = Path("/challenges")
    """What nginx answers the issuer with, over HTTP."""

    @property
    def domain(self) -> str:
        """The site's name, which is the certificate's."""
        return self.variables.domain

    @property
    def is_off(self) -> bool:
        """Whether nobody is asked: the certificate is brought by hand."""
        return self.variables.acme_server == OFF

    @property
    def directory(self) -> str:
        """The address of the issuer's ACME directory."""
        return DIRECTORIES.get(self.variables.acme_server, self.variables.acme_server)

    @property
    def email(self) -> str:
        """Whom the issuer may write to; empty for nobody."""
        return self.variables.acme_email or self.variables.admin_email

    @property
    def offered(self) -> Path:
        """The key and the certificates, in one file, that nginx is to serve."""
        return self.volume / f"{self.domain}.pem"

    @property
    def certbot(self) -> Path:
        """Certbot's folder. One an issuer: a certificate for trying is never taken for a real one, nor replaces it."""
        return self.volume / "certbot" / re.sub("[^A-Za-z0-9.-]", "_", self.directory.partition("://")[2])

    @property
    def log(self) -> Path:
        """What certbot writes down of its last run."""
        return self.certbot / "logs" / "letsencrypt.log"


def read_configuration() -> Configuration:
    """Return the configuration of this process. Raise WrongUseError, naming the variables that are not usable."""
    try:
        return Configuration(read_environment())
    except ImproperlyConfigured as error:
        raise WrongUseError(str(error)) from None
