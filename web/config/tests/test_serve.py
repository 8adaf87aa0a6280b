"""The command line of the web server."""

import json
from pathlib import Path

import pytest

from config.environment import read_environment
from config.serve import command


def test_the_servers_own_log_has_the_common_format() -> None:
    [option] = [option for option in command(read_environment()) if option.startswith("--log-config=")]
    formatters = json.loads(Path(option.partition("=")[2]).read_text())["formatters"]
    assert {formatter["()"] for formatter in formatters.values()} == {"bedplate.django.logs.server_formatter"}


def test_workers_and_threads_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"--workers=2", "--blocking-threads=4"} <= set(command(read_environment()))
    monkeypatch.setenv("WEB_WORKERS", "3")
    monkeypatch.setenv("WEB_THREADS", "7")
    assert {"--workers=3", "--blocking-threads=7"} <= set(command(read_environment()))
