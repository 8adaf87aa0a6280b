"""The API through the published port: a program that reads its description looks for errors."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from bedplate.testing.compose import Stack

pytestmark = pytest.mark.stack

# Prints a new token of a new user.
TOKEN: Final = """
from datetime import timedelta
from bedplate.django.api.models import ApiToken
from django.contrib.auth import get_user_model
from django.utils import timezone
user = get_user_model().objects.create_user("program@example.com")
print(ApiToken.objects.issue(user, name="Schemathesis", expires=timezone.now() + timedelta(hours=1))[1])
"""
# Below the limit of a user. The sample task is left out: hundreds of them would occupy the worker of the other tests.
OPTIONS: Final = (
    "--checks all --exclude-checks unsupported_method --max-examples 3 --rate-limit 9/s --seed 1 "
    "--exclude-operation-id start_sample_task"
)
LIMIT: Final = 240  # seconds: three times what it takes


def test_a_program_finds_no_error(stack: Stack, tmp_path: Path) -> None:
    """Schemathesis sends what the API's description allows, and what it forbids: every answer is as described.

    nginx itself refuses TRACE, without a header `Allow`: so the check of methods that no operation has is left out.
    """
    token = stack.manage("shell", "--no-imports", "--command", TOKEN).strip()
    program = Path(sys.executable).with_name("schemathesis")
    command: list[str | Path] = [
        program,
        "run",
        f"{stack.url}/api/openapi.json",
        "--header",
        f"Authorization: Bearer {token}",
    ]
    found = subprocess.run(
        [*command, *shlex.split(OPTIONS)], cwd=tmp_path, check=False, capture_output=True, text=True, timeout=LIMIT
    )
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]
