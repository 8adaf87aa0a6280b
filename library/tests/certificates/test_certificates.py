"""Certbot's command line, the diagnosis of its failures, and the file for nginx."""

import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from bedplate.certificates.certbot import command
from bedplate.certificates.commands.install import install
from bedplate.certificates.commands.renew import renew
from bedplate.certificates.configuration import Configuration
from bedplate.certificates.diagnosis import diagnose
from bedplate.certificates.errors import BrokenCertificateError, CertificateError, UsageError
from bedplate.certificates.pem import check, write_atomically
from django.core.exceptions import ImproperlyConfigured

from certificates.pem_files import DOMAIN, NOW, make_key, make_pem

type Configure = Callable[..., Configuration]


# Certbot's command line


def test_certbot_requests_a_certificate_for_this_site(configure: Configure) -> None:
    configuration = configure()
    folder = configuration.volume / "certbot/acme-v02.api.letsencrypt.org_directory"
    assert command(configuration, force=False) == [
        "certbot",
        "certonly",
        "--non-interactive",
        "--agree-tos",
        "--no-eff-email",
        "--email",
        "you@example.com",
        "--server=https://acme-v02.api.letsencrypt.org/directory",
        "--webroot",
        f"--webroot-path={configuration.challenges}",
        "--cert-name=www.example.com",
        "--domain=www.example.com",
        "--key-type=ecdsa",
        "--keep-until-expiring",
        f"--config-dir={folder}",
        f"--work-dir={folder}/work",
        f"--logs-dir={folder}/logs",
        "--max-log-backups=20",
    ]


@pytest.mark.parametrize(
    ("variables", "argument"),
    [
        ({"ACME_EMAIL": "certificates@example.com"}, "certificates@example.com"),
        ({"ADMIN_EMAIL": ""}, "--register-unsafely-without-email"),
        ({"ACME_SERVER": "staging"}, "--server=https://acme-staging-v02.api.letsencrypt.org/directory"),
        ({"ACME_SERVER": "https://ca.example.com/acme"}, "--server=https://ca.example.com/acme"),
    ],
)
def test_settings_reach_certbot(configure: Configure, variables: dict[str, str], argument: str) -> None:
    assert argument in command(configure(**variables), force=False)


def test_renewal_can_be_forced(configure: Configure) -> None:
    arguments = command(configure(), force=True)
    assert "--force-renewal" in arguments
    assert "--keep-until-expiring" not in arguments


def test_issuers_have_folders_of_their_own(configure: Configure) -> None:
    folders = {
        configure(ACME_SERVER=server).certbot for server in ("letsencrypt", "staging", "https://ca.example.com/")
    }
    assert len(folders) == 3


# Diagnosis of failures


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("urn:ietf:params:acme:error:dns :: DNS problem: NXDOMAIN looking up A", "www.example.com does not resolve"),
        ("urn:ietf:params:acme:error:connection :: Timeout during connect", "cannot reach this machine on port 80"),
        ("urn:ietf:params:acme:error:unauthorized :: Invalid response: 404", "another server answers on port 80"),
        ("urn:ietf:params:acme:error:caa :: CAA record prevents issuance", "a CAA record in the DNS"),
        ("urn:ietf:params:acme:error:rateLimited :: too many certificates", "too many requests"),
        ("urn:ietf:params:acme:error:rejectedIdentifier :: forbidden by policy", "issues no certificates for the name"),
        ("urn:ietf:params:acme:error:invalidContact :: invalid domain", "does not accept the e-mail address"),
        ("Another instance of Certbot is already running.", "another request is running"),
        ("archive directory exists for www.example.com", "its folder is incomplete"),
        ("something new", "see certbot's output above"),
    ],
)
def test_failures_are_diagnosed(configure: Configure, output: str, expected: str) -> None:
    diagnosis = diagnose("Some challenges have failed.", output, configure())
    assert expected in diagnosis
    assert "To do:  " in diagnosis
    assert "library/docs/how-to/certificates.md" in diagnosis


def test_issuer_that_does_not_answer_is_reported(configure: Configure) -> None:
    configuration = configure(ACME_SERVER="https://127.0.0.1:9/directory")
    with pytest.raises(CertificateError, match=r"Why: +127\.0\.0\.1:9 does not answer"):
        renew(configuration, force=False, now=NOW)
    assert not configuration.offered.exists()


@pytest.mark.parametrize("where", ["local", "embedded"])
def test_without_https_no_issuer_is_asked(configure: Configure, where: str) -> None:
    assert "needs no certificate" in renew(configure(ENVIRONMENT=where), force=False, now=NOW)


# A certificate that is installed by hand


def test_certificate_is_installed(configure: Configure) -> None:
    configuration = configure(ACME_SERVER="off")
    content = b"".join(make_pem(DOMAIN))
    assert "valid until 2026-08-30" in install(configuration, content, now=NOW)
    assert configuration.offered.read_bytes() == content
    assert stat.S_IMODE(configuration.offered.stat().st_mode) == 0o600
    assert "installed by hand, is valid until 2026-08-30" in renew(configuration, force=False, now=NOW)


def test_certificate_that_would_be_replaced_is_refused(configure: Configure) -> None:
    configuration = configure()
    with pytest.raises(UsageError, match="ACME_SERVER=off"):
        install(configuration, b"".join(make_pem(DOMAIN)), now=NOW)
    assert not configuration.offered.exists()


def test_expiring_certificate_raises_an_error(configure: Configure) -> None:
    configuration = configure(ACME_SERVER="off")
    install(configuration, b"".join(make_pem(DOMAIN)), now=NOW)
    renew(configuration, force=False, now=NOW + timedelta(days=75))
    with pytest.raises(CertificateError, match="is not renewed"):
        renew(configuration, force=False, now=NOW + timedelta(days=77))


@pytest.mark.parametrize("where", ["local", "embedded"])
def test_without_https_no_certificate_is_installed(configure: Configure, where: str) -> None:
    configuration = configure(ENVIRONMENT=where, ACME_SERVER="off")
    with pytest.raises(UsageError, match="has no HTTPS: it serves no certificate"):
        install(configuration, b"".join(make_pem(DOMAIN)), now=NOW)
    assert list(configuration.volume.iterdir()) == []


def test_an_issuer_without_https_is_refused(configure: Configure) -> None:
    with pytest.raises(ImproperlyConfigured, match="ACME_SERVER: String should match"):
        configure(ACME_SERVER="http://ca.example.com/acme")


def test_self_signed_certificate_is_reported(configure: Configure) -> None:
    assert "self-signed" in renew(configure(ACME_SERVER="off"), force=False, now=NOW)


@pytest.mark.parametrize("names", [(DOMAIN,), ("example.com", DOMAIN), ("*.example.com",)])
def test_certificate_for_the_site(names: tuple[str, ...]) -> None:
    key, certificate = make_pem(*names)
    for content in (key + certificate, certificate + key):
        assert check(content, domain=DOMAIN, now=NOW).issuer == "Test CA"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no certificate that can be read"),
        (b"".join(make_pem(DOMAIN))[:-200], "no certificate that can be read"),
        (make_pem(DOMAIN)[1], "no private key"),
        (make_pem(DOMAIN)[1] + make_key()[1], "does not belong to the first certificate"),
        (make_pem(DOMAIN)[1] + make_key(password=b"secret")[1], "has a password"),
        (b"".join(make_pem("example.com", "*.www.example.com")), "It is for example.com, *.www.example.com, not for"),
        (b"".join(make_pem(DOMAIN, expires=NOW)), "It has expired, on 2026-06-01"),
    ],
)
def test_invalid_certificate_is_refused(configure: Configure, content: bytes, problem: str) -> None:
    configuration = configure(ACME_SERVER="off")
    configuration.offered.write_bytes(b"the one before")
    with pytest.raises(BrokenCertificateError) as refused:
        install(configuration, content, now=NOW)
    assert problem in str(refused.value)
    assert configuration.offered.read_bytes() == b"the one before"


def test_unchanged_file_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "www.example.com.pem"
    assert write_atomically(b"first", path)
    before = path.stat()
    assert not write_atomically(b"first", path)
    assert path.stat() == before
    assert write_atomically(b"second", path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
