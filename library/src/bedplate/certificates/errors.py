"""What can go wrong, said so that people know what to do next."""


class CertificateError(Exception):
    """There is no new certificate. The message says why, and what to do about it."""


class WrongUseError(CertificateError):
    """The command was asked for something that it cannot mean."""


class BrokenCertificateError(CertificateError):
    """The file is nothing that nginx could serve as the site's certificate."""
