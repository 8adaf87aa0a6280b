"""Installing with a PostgreSQL server of another operator, as library/docs/how-to/managed-postgresql.md says."""

import os
import shlex
import subprocess
from typing import Final

import pytest
from bedplate.testing.checkout import ROOT, free_port
from documents import blocks_of, commands_of
from fake_machine import FakeMachine
from test_install_docker_steps import values

HOW_TO: Final = ROOT / "library/docs/how-to/managed-postgresql.md"
(PASSWORD,) = commands_of(HOW_TO, section="Its role and database")
(INSTALL,) = commands_of(HOW_TO, section="A new PROD")
(FILE,) = blocks_of(HOW_TO, "yaml", section="The project")
FILES: Final = "prod.yml:managed.yml"


def follow(server: FakeMachine, commands: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Return the result of the page's commands, run in the project's folder."""
    path = f"{server.commands}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-ec", commands],
        cwd=server.checkout,
        env=server.environment(**variables) | {"PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


@pytest.fixture
def new(server: FakeMachine) -> FakeMachine:
    """Return a machine with a clone that is not installed, and the files that the page creates."""
    (server.checkout / "managed.yml").write_text(FILE)
    (server.checkout / "database-ca.pem").write_text("a certificate")
    server.use_external_database()
    return server


def install(new: FakeMachine) -> "subprocess.CompletedProcess[str]":
    """Install as the page says."""
    return follow(new, INSTALL, HTTPS_PORT=str(free_port()))


def test_first_install(new: FakeMachine) -> None:
    """It keeps the role's password, names the file in `.env`, and starts no PostgreSQL."""
    first, again = follow(new, PASSWORD), follow(new, PASSWORD)
    assert (first.returncode, len(first.stdout.strip())) == (0, 48)
    assert again.stdout == first.stdout
    result = install(new)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Start Valkey (PostgreSQL is elsewhere)" in result.stdout
    assert values(new.checkout / ".env")["COMPOSE_FILE"] == FILES
    assert (new.checkout / "secrets/postgres_password").read_text() == first.stdout
    assert not [call for call in new.calls() if "postgres" in shlex.split(call)]
    assert "compose up --detach --wait --wait-timeout 180 valkey" in new.calls()


def test_first_install_asks_both_files(new: FakeMachine) -> None:
    """The list of secrets is read with the team's file included."""
    docker = (new.commands / "docker").read_text().partition("\n")[2]
    new.command("docker", f'[[ $* != *"config"* ]] || echo "${{COMPOSE_FILE-}}" >>"{new.commands}/asked"\n{docker}')
    assert install(new).returncode == 0
    assert (new.commands / "asked").read_text().startswith(f"{FILES}\n")


def test_files_of_another_environment_are_not_taken(new: FakeMachine) -> None:
    """The shell's variables for another project do not apply to this one."""
    command = INSTALL.replace(FILES, "docker-compose.yml:managed.yml")
    assert follow(new, command, HTTPS_PORT=str(free_port())).returncode == 0
    assert values(new.checkout / ".env")["COMPOSE_FILE"] == "prod.yml"


@pytest.mark.parametrize(
    ("output", "reason", "advice"),
    [
        (
            'FATAL:  password authentication failed for user "site"',
            "PostgreSQL, which is elsewhere, refuses POSTGRES_PASSWORD of secrets/postgres_password",
            "have the server's owner give the role that one",
        ),
        (
            "failed: SSL error: certificate verify failed",
            "does not prove with its certificate who it is",
            "PGSSLROOTCERT the file of the authority",
        ),
        (
            'server certificate for "a" does not match host name "b"',
            "does not prove with its certificate who it is",
            "POSTGRES_HOST has to be the name in that certificate",
        ),
    ],
)
def test_refusal_is_explained(new: FakeMachine, output: str, reason: str, advice: str) -> None:
    """No advice names a service that does not exist."""
    new.answer("compose run *migrate*", output, status=1)
    result = install(new)
    assert result.returncode == 1
    assert reason in result.stderr.partition("Why:")[2]
    assert advice in result.stderr.partition("To do:")[2]
    assert "library/docs/how-to/managed-postgresql.md" in result.stderr
    assert "compose exec postgres" not in result.stderr
    assert "down --volumes" not in result.stderr
