"""install_docker.sh, second phase: its files, its commands, and its message when a step fails."""

import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest
import terminals
from bedplate.testing.checkout import free_port
from fake_machine import FakeMachine


def values(dotenv: Path) -> dict[str, str]:
    """Return the variables of a `.env`, as written there."""
    lines = dotenv.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_steps_are_taken_in_order(machine: FakeMachine) -> None:
    """The database is ready before it is migrated, and migrated before the site starts."""
    result = machine.install("--yes")
    assert result.returncode == 0, result.stderr
    acts = [
        call
        for call in machine.calls()
        if call.startswith("compose") and "version" not in call and " ps " not in call and call != "compose config"
    ]
    assert acts == [
        "compose pull --policy missing --ignore-buildable postgres valkey",
        "compose build",
        "compose up --detach --wait --wait-timeout 180 postgres valkey",
        "compose exec --no-TTY postgres bash -s",
        "compose run --rm --no-deps --no-TTY web python manage.py migrate --no-input",
        "compose run --rm --no-deps --no-TTY web python manage.py create_default_user",
        "compose up --detach --wait --wait-timeout 300",
    ]


def test_summary_says_how_to_continue(machine: FakeMachine) -> None:
    """It has a line per step, the addresses, the user, the password, and the next commands."""
    result = machine.install("--yes")
    password = values(machine.checkout / ".env")["DEFAULT_USER_PASSWORD"]
    for number in range(1, 9):
        assert f"[{number}/8] " in result.stdout
    for text in (
        f"http://localhost:{machine.port}",
        f"http://shop.localhost:{machine.port}",
        "admin@shop.local",
        f"Password  {password}\n",
        *("/admin/", "/tasks/", "/mail/"),
        f"\n  Flower    http://localhost:{machine.port}/flower/ (background tasks)\n",  # the label of its service
        "\n  ./google_storage.sh --help",
        *("docker compose logs", "docker compose stop", "docker compose up -d", "exec web python manage.py"),
        "./run_tests.sh",
    ):
        assert text in result.stdout


def test_missing_parts_are_not_offered(machine: FakeMachine) -> None:
    """Without backups their command is not among the next ones."""
    (machine.checkout / "google_storage.sh").unlink()
    result = machine.install("--yes")
    assert result.returncode == 0, result.stderr
    assert "google_storage" not in result.stdout


def test_summary_admits_that_a_password_may_have_changed(machine: FakeMachine) -> None:
    """An existing user keeps the password: the summary does not promise the one in `.env`."""
    machine.answer("*create_default_user", "The user admin@shop.local exists: nothing changed.")
    assert "Password  as before: this user exists already" in machine.install("--yes").stdout


def test_dotenv_is_made(machine: FakeMachine) -> None:
    """`.env` is `.env.example` with secrets, this person's ids and the port; no other user can read it."""
    assert machine.install("--yes").returncode == 0
    dotenv = machine.checkout / ".env"
    example, made = values(machine.checkout / ".env.example"), values(dotenv)
    assert stat.S_IMODE(dotenv.stat().st_mode) == 0o600
    assert made.keys() == example.keys()
    assert "change-me" not in made.values()
    assert (made["HOST_UID"], made["HOST_GID"]) == (str(os.getuid()), str(os.getgid()))
    assert made["HTTP_PORT"] == str(machine.port)
    assert (len(made["SECRET_KEY"]), len(made["POSTGRES_PASSWORD"])) == (64, 20)
    assert not (machine.checkout / ".env.new").exists()


def test_every_secret_is_unique(machine: FakeMachine) -> None:
    """No two secrets are equal, in one `.env` or in two."""
    found = []
    for _ in range(2):
        machine.install("--yes")
        made = values(machine.checkout / ".env")
        found += [made[key] for key in ("SECRET_KEY", "POSTGRES_PASSWORD", "DEFAULT_USER_PASSWORD")]
        (machine.checkout / ".env").unlink()
    assert len(set(found)) == len(found)
    assert all(secret.isalnum() for secret in found)


def test_environment_names_the_project(machine: FakeMachine) -> None:
    """COMPOSE_PROJECT_NAME and HTTP_PORT of the environment go into a new `.env`; --port overrides HTTP_PORT."""
    port = free_port()
    machine.install("--yes", "--port", str(port), COMPOSE_PROJECT_NAME="bakery")
    made = values(machine.checkout / ".env")
    assert (made["COMPOSE_PROJECT_NAME"], made["HTTP_PORT"]) == ("bakery", str(port))
    assert made["DOMAIN"] == "bakery.local"


def test_rootless_engine(machine: FakeMachine) -> None:
    """With a rootless engine root in a container is the person who runs it."""
    machine.answer("info *SecurityOptions*", "[name=seccomp,profile=builtin name=rootless name=cgroupns]")
    machine.install("--yes")
    assert values(machine.checkout / ".env")["HOST_UID"] == "0"


def test_dotenv_is_kept(machine: FakeMachine) -> None:
    """An existing `.env` is not written, whatever the environment says; the output says that the environment counts."""
    dotenv = machine.write_dotenv()
    before = dotenv.read_bytes()
    result = machine.install("--yes", HTTP_PORT="1234", COMPOSE_PROJECT_NAME="bakery")
    assert result.returncode == 0, result.stderr
    assert dotenv.read_bytes() == before
    assert "your shell sets HTTP_PORT too" in result.stdout
    assert "unset COMPOSE_PROJECT_NAME" in result.stdout


def test_port_option_changes_one_line(machine: FakeMachine) -> None:
    """--port changes HTTP_PORT of an existing `.env`, nothing else, and says so."""
    dotenv = machine.write_dotenv(NOTE="change-me")
    port = free_port()
    expected = dotenv.read_text().replace(f"HTTP_PORT={machine.port}\n", f"HTTP_PORT={port}\n")
    result = machine.install("--yes", "--port", str(port))
    assert f"stays as it is, except HTTP_PORT={port}" in result.stdout
    assert dotenv.read_text() == expected
    assert stat.S_IMODE(dotenv.stat().st_mode) == 0o600


def test_readable_dotenv_is_closed(machine: FakeMachine) -> None:
    """A `.env` that others could read is closed to them, with a message."""
    dotenv = machine.write_dotenv()
    dotenv.chmod(0o644)
    assert "its mode becomes 0600" in machine.install("--yes").stdout
    assert stat.S_IMODE(dotenv.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "line",
    ['"{}"', "'{}'", "{} # of this machine", ' "{}"  # of this machine', "{}  ", "{}\r"],
    ids=["double quotes", "single quotes", "comment", "quotes and comment", "blanks", "Windows"],
)
def test_values_are_read_as_compose_does(machine: FakeMachine, line: str) -> None:
    """Quotes, comments and spaces around a value are not part of it."""
    machine.write_dotenv(HTTP_PORT=line.format(machine.port))
    result = machine.install("--yes")
    assert result.returncode == 0, result.stderr
    assert f"http://localhost:{machine.port}\n" in result.stdout


def test_values_are_not_run(machine: FakeMachine) -> None:
    """Text that looks like a command in `.env` is data."""
    machine.write_dotenv(DEFAULT_USER_PASSWORD="$(touch made-by-dotenv)`touch made-by-dotenv`")
    machine.install("--yes")
    assert not list(machine.checkout.rglob("made-by-dotenv"))


def test_path_with_spaces(tmp_path: Path) -> None:
    """A folder may have any name."""
    machine = FakeMachine(tmp_path, port=free_port(), checkout="it's my $project (new)")
    result = machine.install("--yes")
    assert result.returncode == 0, result.stderr
    assert str(machine.checkout) in result.stdout


@pytest.mark.parametrize(
    ("step", "output", "reason", "advice"),
    [
        (
            "compose pull *",
            "Error response from daemon: dial tcp: lookup registry-1.docker.io: no such host",
            "no network",
            "Check the connection",
        ),
        ("compose build", "npm error code EAI_AGAIN", "no network", "Check the connection"),
        ("compose build", "write /opt/venv: no space left on device", "the disk is full", "docker system df"),
        (
            "compose run *migrate*",
            'FATAL:  password authentication failed for user "app"',
            "PostgreSQL refuses POSTGRES_PASSWORD of .env",
            "Put the earlier password back into .env",
        ),
        (
            "compose run *migrate*",
            "The configuration is not usable. Set these in .env",
            "a variable in .env is not usable",
            "Correct it in .env",
        ),
        ("compose up *300", "Bind for 127.0.0.1:80: port is already allocated", "taken the port", "--port N"),
        ("compose up *180 *", "Cannot connect to the Docker daemon", "the Docker engine stopped", "Start it"),
        ("compose build", "something unforeseen", "see the output above", "run this again"),
    ],
)
def test_failed_step_is_explained(machine: FakeMachine, step: str, output: str, reason: str, advice: str) -> None:
    """A failed step shows its output, the reason, what to do, and the log file; nothing runs after it."""
    machine.answer(step, output, status=1)
    result = machine.install("--yes")
    assert result.returncode == 1
    assert f"  | {output}" in result.stderr
    assert "Failed: " in result.stderr
    assert reason in result.stderr.partition("Why:")[2]
    assert advice in result.stderr.partition("To do:")[2]
    assert output in (machine.checkout / "install_docker.log").read_text()
    assert "runs:" not in result.stdout


def test_unhealthy_service_is_named(machine: FakeMachine) -> None:
    """A service that does not become healthy is named, with its last lines."""
    machine.answer("compose up *300", "container shop-web-1 is unhealthy", status=1)
    machine.answer(
        "compose ps --all --format {{*",
        "celery running  oneoff=False\\nweb running unhealthy oneoff=False\\nnginx running healthy oneoff=False\\n"
        "flower exited  oneoff=True",  # what `docker compose run flower` left
    )
    machine.answer("compose * logs * web", "web-1 | SyntaxError: invalid syntax")
    result = machine.install("--yes")
    assert result.returncode == 1
    assert "these did not become healthy: web\n" in result.stderr
    assert "SyntaxError: invalid syntax" in result.stderr


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interruption(machine: FakeMachine, number: signal.Signals, status: int) -> None:
    """Ctrl-C ends the running step too, says how to continue, and the next run continues."""
    machine.answer("compose build", status="hang")
    process = install_until(machine, "compose build")
    process.send_signal(number)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == status
    assert "Interrupted during: Build the images. Nothing is lost." in errors
    assert "To continue: ./install_docker.sh" in errors
    machine.answer("compose build")
    assert machine.install("--yes").returncode == 0


def test_interrupted_install_restarts_services(machine: FakeMachine) -> None:
    """Interrupted on an installation in use, services that ran are started again; one that does not start is named."""
    machine.write_dotenv()
    machine.answer("compose ps --services *", "web\\ncelery\\ncron\\nnginx")
    machine.answer("compose up *300", status="hang")
    process = install_until(machine, "compose up --detach --wait --wait-timeout 300")
    machine.answer("compose ps --services *", "web\\nnginx")
    machine.answer("compose ps --all --services --status created", "nginx")  # it was about to be replaced
    process.send_signal(signal.SIGHUP)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 129
    assert "compose up --detach --no-recreate --wait --wait-timeout 120 celery cron nginx" in machine.calls()
    assert "These services do not run: celery cron nginx" in errors
    assert "docker compose up --detach --wait celery cron nginx" in errors


def install_until(machine: FakeMachine, call: str) -> subprocess.Popen[str]:
    """Return the started install, once it has made this docker call; fail after ten seconds."""
    command = (machine.checkout / "install_docker.sh", "--yes")
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, env=machine.environment(), stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
    )
    deadline = time.monotonic() + 10
    while not ((machine.commands / "calls").exists() and call in machine.calls()):
        assert time.monotonic() < deadline, f"docker {call} was not called"
        time.sleep(0.05)
    return process


@pytest.mark.parametrize(("answer", "status"), [(b"n\n", 1), (b"\x04", 1), (b"\n", 0), (b"y\n", 0)])
def test_terminal_is_asked(machine: FakeMachine, answer: bytes, status: int) -> None:
    """On a terminal the plan is shown, with one question; "no" ends the install, and nothing is changed."""
    command = machine.checkout / "install_docker.sh"
    process, controller = terminals.start(command, environment=machine.environment())
    shown = terminals.read_until(controller, b"Continue? [Y/n] ")
    assert str(machine.checkout) in shown.decode()
    os.write(controller, answer)
    terminals.read_until(controller, b"")
    os.close(controller)
    assert process.wait(timeout=30) == status
    assert (machine.checkout / ".env").exists() == (status == 0)
