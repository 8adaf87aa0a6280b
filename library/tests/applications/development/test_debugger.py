"""The debugger and the toolbar: for development on this machine, never on a server."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from bedplate.django.development import debugger
from bedplate.django.development.toolbar import CONTENT_SECURITY, use_debug_toolbar
from bedplate.testing.checkout import ROOT, free_port
from django.conf import settings

PAGE: Final = """
import django; django.setup()
import json
from django.test import Client
client = Client(headers={"Host": "localhost"})
home, live = client.get("/accounts/signup/"), client.get("/health/live")
print(json.dumps([home.text, home.headers["Content-Security-Policy"], live.text]))
"""


def test_a_program_runs_where_a_debugger_can_attach(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import debugpy, sys; print(sys.argv, debugpy.is_client_connected())")
    port = free_port()
    for arguments in (["program.py", "one"], ["-m", "program", "one"]):
        ended = listen(port, arguments, tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert "'one'] False" in ended.stdout


def test_a_program_runs_without_a_debugger_while_the_port_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("0.0.0.0", 0)) as other:  # noqa: S104 - like the debugger
        monkeypatch.setattr(debugger, "ADDRESS", other.getsockname())
        assert not debugger.wait_until_free(timeout=0.2)
    assert debugger.wait_until_free(timeout=5)


def listen(port: int, arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program with the debugger."""
    own = {
        "DEBUGGER_LISTENS_ON": str(port),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "PYTHONPATH": str(ROOT / "library/src"),
    }
    return subprocess.run(
        [sys.executable, "-m", "bedplate.django.development.debugger", *arguments],
        cwd=folder,
        env=os.environ | own,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


def page(folder: Path, **variables: str) -> list[Any]:
    """Return a page, its policy and the health check of a process with these variables."""
    own = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "ENVIRONMENT": "embedded",
        "DEBUG": "true",
        "DEBUG_TOOLBAR": "true",
        "DATA_DIRECTORY": str(folder),
        "SECRET_KEY": "only-for-tests-only-for-tests-only",
    }
    # The toolbar refuses to start in tests.
    without_pytest = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    ended = subprocess.run(
        [sys.executable, "-c", PAGE],
        cwd=settings.BASE_DIRECTORY,
        env=without_pytest | own | variables,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    shown: list[Any] = json.loads(ended.stdout.splitlines()[-1])
    return shown


def test_the_toolbar_is_on_pages_under_their_policy(tmp_path: Path) -> None:
    home, policy, live = page(tmp_path)
    loaded = re.findall(r"<(?:script|link)[^>]*(?:src|href)=\"([^\"]*debug_toolbar/[^\"]*)\"", home)
    assert loaded
    assert [address for address in loaded if not address.startswith("/static/")] == []
    assert "<script>" not in home.partition("djDebug")[2]
    assert "unsafe" not in policy
    assert "djDebug" not in live


@pytest.mark.parametrize(
    "variables",
    [{"debug_toolbar": False}, {"debug": False}, {"environment": "dev"}, {"environment": "prod"}],
    ids=["off", "without DEBUG", "DEV", "PROD"],
)
def test_there_is_no_toolbar(variables: dict[str, Any]) -> None:
    on = settings.ENVIRONMENT.model_copy(update={"debug": True, "debug_toolbar": True})
    applications, middleware = ["users"], [CONTENT_SECURITY]
    use_debug_toolbar(on.model_copy(update=variables), applications, middleware)
    assert (applications, middleware) == (["users"], [CONTENT_SECURITY])
    use_debug_toolbar(on, applications, middleware)
    assert applications == ["users", "debug_toolbar"]


def test_tests_have_no_toolbar() -> None:
    assert "debug_toolbar" not in settings.INSTALLED_APPS
