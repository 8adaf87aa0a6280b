"""Renewal with a fake certbot, and the command as cron and people start it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bedplate.certificates.certbot import issued
from bedplate.certificates.commands.install import install
from bedplate.certificates.commands.renew import renew
from bedplate.certificates.configuration import Configuration
from bedplate.certificates.errors import BrokenCertificateError, CertificateError, UsageError

from certificates.pem_files import DOMAIN, NOW, make_pem

CERTBOT = """#!/bin/sh
printf '%s\\n' "$@" >"$CERTBOT_ARGUMENTS"
echo "Account registered."
exit "$CERTBOT_STATUS"
"""

type Configure = Callable[..., Configuration]

LIMIT = 60


def wait_until(condition: Callable[[], object]) -> None:
    """Return once the condition holds; fail if it does not within a minute."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a fake certbot that succeeds and changes nothing. Return the file that it writes its arguments to."""
    program = tmp_path / "bin/certbot"
    program.parent.mkdir()
    program.write_text(CERTBOT)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("CERTBOT_STATUS", "0")
    monkeypatch.setenv("CERTBOT_ARGUMENTS", str(tmp_path / "arguments"))
    return tmp_path / "arguments"


def issue(configuration: Configuration, *names: str, expires: datetime = NOW + timedelta(days=90)) -> bytes:
    """Create the files that certbot keeps of a certificate. Return key and certificate."""
    key, certificate = make_pem(*names, expires=expires)
    kept = issued(configuration)
    kept.key.parent.mkdir(parents=True, exist_ok=True)
    kept.key.write_bytes(key)
    kept.chain.write_bytes(certificate)
    return key + certificate


def test_issued_certificate_is_offered_to_nginx(configure: Configure, arguments: Path) -> None:
    configuration = configure()
    content = issue(configuration, DOMAIN)
    assert "is new: nginx serves it within seconds" in renew(configuration, force=False, now=NOW)
    assert configuration.offered.read_bytes() == content
    assert "is not due for renewal" in renew(configuration, force=False, now=NOW)
    assert "--keep-until-expiring" in arguments.read_text().splitlines()


def test_force_reaches_certbot(configure: Configure, arguments: Path) -> None:
    configuration = configure()
    issue(configuration, DOMAIN)
    renew(configuration, force=True, now=NOW)
    assert "--force-renewal" in arguments.read_text().splitlines()


@pytest.mark.parametrize(
    ("names", "days", "problem"), [(["other.example.com"], 90, "not for www.example.com"), ([DOMAIN], 0, "has expired")]
)
def test_invalid_certificate_is_not_offered(
    configure: Configure, arguments: Path, names: list[str], days: int, problem: str
) -> None:
    configuration = configure()
    before = issue(configuration, DOMAIN)
    renew(configuration, force=False, now=NOW)
    issue(configuration, *names, expires=NOW + timedelta(days=days))
    with pytest.raises(BrokenCertificateError, match=problem):
        renew(configuration, force=False, now=NOW)
    assert configuration.offered.read_bytes() == before


@pytest.mark.parametrize(
    ("age", "why"), [(timedelta(hours=-1), "a CAA record"), (timedelta(hours=1), "see certbot's output above")]
)
def test_failure_is_diagnosed_from_the_log_of_this_run_only(
    configure: Configure, arguments: Path, monkeypatch: pytest.MonkeyPatch, age: timedelta, why: str
) -> None:
    configuration = configure()
    issue(configuration, DOMAIN)
    configuration.log.parent.mkdir()
    configuration.log.write_text("urn:ietf:params:acme:error:caa :: forbidden")
    written = (datetime.now(UTC) - age).timestamp()
    os.utime(configuration.log, (written, written))
    monkeypatch.setenv("CERTBOT_STATUS", "1")
    with pytest.raises(CertificateError, match=why) as failed:
        renew(configuration, force=False, now=NOW)
    assert str(failed.value).startswith("Account registered.\n\nWhy: ")
    assert not configuration.offered.exists()


@pytest.mark.parametrize("where", ["local", "embedded"])
def test_without_https_nothing_is_requested_or_installed(configure: Configure, arguments: Path, where: str) -> None:
    configuration = configure(ENVIRONMENT=where, ACME_SERVER="off")
    renew(configuration, force=False, now=NOW)
    with pytest.raises(UsageError, match="has no HTTPS"):
        install(configuration, b"".join(make_pem(DOMAIN)), now=NOW)
    assert not configuration.offered.exists()
    assert not arguments.exists()


@pytest.mark.parametrize(("days", "raises"), [(76, False), (77, True)])
def test_expiry_of_a_certificate_installed_by_hand(configure: Configure, days: int, raises: bool) -> None:
    configuration = configure(ACME_SERVER="off")
    install(configuration, b"".join(make_pem(DOMAIN)), now=NOW)
    later = NOW + timedelta(days=days)
    if raises:
        with pytest.raises(CertificateError, match="is valid until 2026-08-30, and is not renewed"):
            renew(configuration, force=False, now=later)
    else:
        assert "valid until 2026-08-30" in renew(configuration, force=False, now=later)


# The command


def run(command: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Return the result of the command."""
    return subprocess.run(
        [sys.executable, "-m", "bedplate.certificates", command],
        cwd=Path(__file__).resolve().parents[2] / "src",
        env=os.environ | {"PYTHONPATH": "."} | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
    )


@pytest.mark.parametrize(
    ("command", "variables", "expected"),
    [
        ("renew", {"ENVIRONMENT": "local"}, "0: This environment has no HTTPS: it needs no certificate."),
        ("renew", {"ACME_SERVER": "off"}, "0: ACME_SERVER is off, and no certificate was installed"),
        ("renew", {"CERTBOT_STATUS": "1"}, "1: Failed: Account registered."),
        ("install", {"ENVIRONMENT": "local"}, "2: Error: This environment has no HTTPS"),
        ("install", {"ACME_SERVER": "off"}, "1: Failed: There is no certificate that can be read"),
        ("renew", {"SECRET_KEY": "short"}, "2: Error: The configuration is not usable"),
        ("remove", {}, "2: Usage: "),
    ],
)
def test_exit_status_and_message(
    configure: Configure, arguments: Path, command: str, variables: dict[str, str], expected: str
) -> None:
    configure()
    result = run(command, **variables)
    assert f"{result.returncode}: {result.stdout or result.stderr}".startswith(expected)
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_command_that_is_interrupted_says_so(
    configure: Configure, arguments: Path, number: signal.Signals, status: int
) -> None:
    """The command waits for certbot, which must be stopped separately."""
    configure()
    certbot = arguments.parent / "bin/certbot"
    certbot.write_text('#!/bin/sh\necho "$$" >"$CERTBOT_ARGUMENTS"\nexec sleep 60\n')
    command = [sys.executable, "-m", "bedplate.certificates", "renew"]
    with subprocess.Popen(
        command,
        cwd=Path(__file__).resolve().parents[2] / "src",
        env=os.environ | {"PYTHONPATH": "."},
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        wait_until(lambda: arguments.exists() and bool(arguments.read_text()))
        os.kill(process.pid, number)
        with suppress(ProcessLookupError):  # ended by the command already
            os.kill(int(arguments.read_text()), number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == status
    assert b"Traceback" not in said
