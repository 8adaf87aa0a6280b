"""Fixtures for the tests of certificates: a server's configuration."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from bedplate.certificates.configuration import Configuration
from bedplate.environment import read_environment

from certificates.pem_files import DOMAIN

type Configure = Callable[..., Configuration]


def pytest_configure() -> None:
    """Make the programs under test react to Ctrl-C: programs that a shell starts in the background ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Configure:
    """Return a function that creates a server's configuration, with volumes of the test's own."""

    def make(**variables: str) -> Configuration:
        site = {"ENVIRONMENT": "prod", "DOMAIN": DOMAIN, "ADMIN_EMAIL": "you@example.com"}
        secrets = {"POSTGRES_PASSWORD": "x" * 16, "SECRET_KEY": "x" * 32}
        for name, value in (secrets | site | variables).items():
            monkeypatch.setenv(name, value)
        volumes = tmp_path / "certificates", tmp_path / "challenges"
        for volume in volumes:
            volume.mkdir(exist_ok=True)
        return Configuration(read_environment(), *volumes)

    return make
