"""A stack whose backups go to a bucket of fake-gcs-server; people sign in to it with a test OAuth server."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bedplate.testing.checkout import free_port
from bedplate.testing.compose import Stack, attempt, clean_environment, wait_until

from stack.signing import as_environment, trust_key

# Both run in the image that has them, beside the stack. Compose reads this file beside docker-compose.yml.
OVERRIDE: Final = """
x-server: &server
  image: ${{COMPOSE_PROJECT_NAME}}-cron:local
  init: true
  stop_grace_period: 1s
  volumes: ["./library:/library:ro"]
services:
  gcs:
    <<: *server
    command: python -m bedplate.testing.fake_gcs --host 0.0.0.0 --url http://gcs:4443
  oauth:
    <<: *server
    command: >-
      python -m bedplate.testing.oauth_server
      --host 0.0.0.0 --url http://oauth:8899 --write-key-file /tmp/key.json
    ports: ["127.0.0.1:{port}:8899"]
"""

# Compose prints it before a log's first line, even without a terminal.
CLEAR_LINE: Final = "\x1b[2K"


@dataclass(frozen=True, kw_only=True)
class Storage:
    """`./google_storage.sh` of a stack, with a separate home for the credentials."""

    stack: Stack
    home: Path

    @property
    def credentials(self) -> Path:
        """The path where `-a` stores the credentials."""
        return self.home / "google_storage" / self.stack.project / "credentials.json"

    @property
    def variables(self) -> dict[str, str]:
        """The variables of the person who runs it."""
        return {"XDG_CONFIG_HOME": str(self.home), "CLOUDSDK_CONFIG": str(self.home / "no-gcloud")}

    def attempt(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        """Return the result of the command, with its output."""
        script = self.stack.directory / "google_storage.sh"
        return attempt(script, *arguments, limit=180, variables=self.variables)

    def run(self, *arguments: str | Path) -> str:
        """Return the command's output; fail unless it succeeds."""
        result = self.attempt(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Return the running command, whose input and output are pipes."""
        return subprocess.Popen(
            [self.stack.directory / "google_storage.sh", *arguments],
            env=clean_environment() | self.variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def list(self) -> list[dict[str, Any]]:
        """Return the existing backups, newest first."""
        result = self.attempt("-l", "--json")
        assert result.returncode == 0, result.stderr
        listed: list[dict[str, Any]] = json.loads(result.stdout)
        return listed

    def back_up_as(self, environment: str) -> None:
        """Back this stack up as another environment, whose key is known here."""
        trust_key(self.stack.directory, f"{self.stack.project}/{environment}")
        options = ("--rm", "--no-deps", "--no-TTY", *as_environment(environment))
        mount = ("--volume", f"{self.credentials.parent}:/credentials:ro")
        where = ("--env", "GOOGLE_CREDENTIALS=/credentials/credentials.json")
        self.stack.compose("run", *options, *mount, *where, "cron", "python", "-m", "bedplate.backup", "--backup")


@contextmanager
def google_storage(stack: Stack, home: Path) -> Iterator[Storage]:
    """Give the stack a bucket; restore everything at the end."""
    override, dotenv, port = stack.directory / "docker-compose.override.yml", stack.directory / ".env", free_port()
    signers = stack.directory / "web/config/backup_signers"
    before, trusted = dotenv.read_text(), signers.read_text()
    override.write_text(OVERRIDE.format(port=port))
    try:
        stack.compose("up", "-d", "gcs", "oauth")
        variables = {
            **_said(stack, "oauth"),
            **_said(stack, "gcs"),
            "GOOGLE_OAUTH_AUTH_URI": f"http://127.0.0.1:{port}/auth",  # the browser is outside of the stack
        }
        dotenv.write_text(before + "".join(f"{name}={value}\n" for name, value in variables.items()))
        yield Storage(stack=stack, home=home)
    finally:
        dotenv.write_text(before)
        signers.write_text(trusted)  # a changed file of web/ would give the next install another image of the frontend
        stack.compose("rm", "--stop", "--force", "gcs", "oauth")
        override.unlink()
        stack.restore()


def _said(stack: Stack, service: str) -> dict[str, str]:
    """Return the variables that a server prints for a project's .env, once it prints them."""

    def variables() -> dict[str, str]:
        log = stack.compose("logs", "--no-log-prefix", service).replace(CLEAR_LINE, "")
        return dict(re.findall(r"([A-Z][A-Z_]+)=(\S+)", log))

    return wait_until(variables, limit=30, what=f"{service} says what .env needs")
