"""The command line of the web server."""

import pytest

from config.environment import read_environment
from config.serve import command


def test_workers_and_threads_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"--workers=2", "--blocking-threads=4"} <= set(command(read_environment()))
    monkeypatch.setenv("WEB_WORKERS", "3")
    monkeypatch.setenv("WEB_THREADS", "7")
    assert {"--workers=3", "--blocking-threads=7"} <= set(command(read_environment()))
