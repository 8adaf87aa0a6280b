"""Errors. Their messages say what to do next."""


class CertificateError(Exception):
    """There is no new certificate. The message gives the reason and what to do."""


class UsageError(CertificateError):
    """Invalid usage of the command."""


class BrokenCertificateError(CertificateError):
    """The file cannot serve as the site's certificate."""
