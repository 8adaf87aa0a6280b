"""./install_docker.sh for real: run again, run with settings that no longer fit, stopped half way."""

import os
import pty
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from bedplate.testing.browser import log_in
from bedplate.testing.checkout import ROOT, copy_checkout, free_port, unique_slug
from bedplate.testing.compose import Stack, clean_environment, run, wait_until
from documents import commands_of
from playwright.sync_api import Playwright

from stack.conftest import Report
from stack.editing import replaced

pytestmark = pytest.mark.stack

BY_HAND: Final = "What `./install_docker.sh` does, by hand"  # in the README
# The install's advice when the database and `.env` disagree.
PASSWORD_COMMAND: Final = r"docker compose exec postgres psql --username app --dbname app --command '\password'"


def install(stack: Stack, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the install in the stack's folder, to its end."""
    return subprocess.run(
        command(stack, *options),
        env=environment(stack),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=900,
    )


def command(stack: Stack, *options: str) -> list[str | Path]:
    """Return the command that installs this stack."""
    return [stack.directory / "install_docker.sh", "--yes", "--port", str(stack.port), *options]


def environment(stack: Stack) -> dict[str, str]:
    """Return the environment that gives the stack its name."""
    return clean_environment() | {"COMPOSE_PROJECT_NAME": stack.project}


def users(stack: Stack) -> str:
    """Return every user in the database."""
    return stack.query("select id, email, password from users_user order by id")


def test_second_run_keeps_everything(stack: Stack, report: Report) -> None:
    """Run again without changes, it replaces no container and no value, and is quick."""
    containers = {name: container["Id"] for name, container in stack.containers().items()}
    before = users(stack), (stack.directory / ".env").read_bytes()
    started = time.monotonic()
    result = install(stack)
    seconds = time.monotonic() - started
    report(f"install_docker.sh a second time, nothing changed: {seconds:.1f} s (at most 20)")
    assert result.returncode == 0, result.stderr
    assert {name: container["Id"] for name, container in stack.containers().items()} == containers
    assert (users(stack), (stack.directory / ".env").read_bytes()) == before
    assert "was not changed" in result.stdout


def test_files_belong_to_the_person_who_installs(stack: Stack) -> None:
    """No file that the install and the containers left in the checkout belongs to someone else."""
    foreign = [path for path in stack.directory.rglob("*") if path.lstat().st_uid != os.getuid()]
    assert not foreign


@pytest.fixture
def other_password(stack: Stack) -> Iterator[str]:
    """Put another database password into `.env` for the test; afterwards the database and `.env` agree again."""
    dotenv = stack.directory / ".env"
    before = dotenv.read_text()
    password = "not-the-one-of-the-volume"
    dotenv.write_text(before.replace(stack.dotenv["POSTGRES_PASSWORD"], password))
    yield password
    dotenv.write_text(before)
    set_database_password(stack, stack.dotenv["POSTGRES_PASSWORD"])
    assert install(stack).returncode == 0


def set_database_password(stack: Stack, password: str) -> None:
    """Set this password in the database with the command that the install names, on a terminal as a person would."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        shlex.split(PASSWORD_COMMAND),
        cwd=stack.directory,
        env=clean_environment(),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown = b""
    for prompt in (b"Enter new password", b"Enter it again"):
        while prompt not in shown:
            shown += os.read(controller, 1024)
        os.write(controller, f"{password}\n".encode())
    assert process.wait(timeout=30) == 0
    os.close(controller)


@pytest.mark.slow
def test_password_of_another_volume(stack: Stack, other_password: str) -> None:
    """A password that the database refuses is reported as such; nothing is lost; the suggested way out works."""
    before = users(stack)
    result = install(stack)
    assert result.returncode == 1
    assert "Failed: Migrate the database" in result.stderr
    assert "PostgreSQL refuses POSTGRES_PASSWORD of .env" in result.stderr
    assert PASSWORD_COMMAND in result.stderr
    assert users(stack) == before
    set_database_password(stack, other_password)
    result = install(stack)
    assert result.returncode == 0, result.stderr
    assert users(stack) == before


@pytest.mark.slow
def test_port_moves(stack: Stack) -> None:
    """--port moves the running site and back again, without touching its data."""
    port, before = free_port(), users(stack)
    assert install(stack, "--port", str(port)).returncode == 0
    moved = Stack(directory=stack.directory, project=stack.project, port=port)
    assert moved.status("/health/ready") == 200
    assert stack.dotenv["HTTP_PORT"] == str(port)
    assert install(stack, "--port", str(stack.port)).returncode == 0
    stack.wait_until_ready()
    assert users(stack) == before


@pytest.fixture(scope="module")
def unfinished(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return another copy, not yet installed. The shared stack was built before, so its images take seconds."""
    folder = tmp_path_factory.mktemp("unfinished") / "it's my copy"
    unfinished = Stack(directory=copy_checkout(folder), project=unique_slug(), port=free_port())
    yield unfinished
    if (folder / ".env").exists():
        unfinished.remove()


def stop_in_step(stack: Stack, step: str, number: signal.Signals, console: Path) -> int:
    """Run the install, send the signal once this step is on its console, and return its exit status."""
    with console.open("w") as output:
        process = subprocess.Popen(
            command(stack),
            env=environment(stack),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        wait_until(
            lambda: step in console.read_text() or process.poll() is not None, limit=600, what=f"it comes to {step}"
        )
        assert process.poll() is None, console.read_text()
        os.killpg(process.pid, number)
        return process.wait(timeout=60)


@pytest.mark.parametrize("step", ["[2/8]", "[4/8]", "[5/8]"])
def test_interrupted_install(unfinished: Stack, step: str, tmp_path: Path) -> None:
    """Ctrl-C in any step leaves a complete `.env` or none, and says how to continue."""
    console = tmp_path / "console"
    assert stop_in_step(unfinished, step, signal.SIGINT, console) == 130
    assert "To continue: ./install_docker.sh" in console.read_text()
    dotenv = unfinished.directory / ".env"
    assert not dotenv.exists() or "change-me" not in unfinished.dotenv.values()
    assert not (unfinished.directory / ".env.new").exists()


def test_killed_install_can_be_run_again(unfinished: Stack, tmp_path: Path) -> None:
    """After kill -9 during the migration, the same command ends with a running site; `.env` is the first one."""
    assert stop_in_step(unfinished, "[6/8]", signal.SIGKILL, tmp_path / "console") == -signal.SIGKILL
    before = (unfinished.directory / ".env").read_bytes()
    result = wait_until(lambda: install_unless_locked(unfinished), limit=300, what="the killed step has ended")
    assert result
    assert result.returncode == 0, result.stderr
    assert (unfinished.directory / ".env").read_bytes() == before
    assert unfinished.status("/health/ready") == 200


def install_unless_locked(stack: Stack) -> subprocess.CompletedProcess[str] | None:
    """Run the install; return None while another one, or its last step, still runs."""
    result = install(stack)
    return (
        None if "another install, deploy, rotation or restore of this project is running" in result.stderr else result
    )


def test_lost_dotenv(unfinished: Stack) -> None:
    """Without `.env` an existing database is left alone, until the person removes it with the printed command."""
    dotenv = unfinished.directory / ".env"
    saved = dotenv.rename(dotenv.with_name("saved"))
    try:
        result = install(unfinished)
    finally:
        exists = dotenv.exists()
        saved.rename(dotenv)
    assert result.returncode == 1
    assert f"volume {unfinished.project}_postgres_data" in result.stderr
    assert f"docker compose --project-name {unfinished.project} down --volumes" in result.stderr
    assert not exists
    assert unfinished.status("/health/ready") == 200


def test_by_hand(unfinished: Stack, playwright: Playwright) -> None:
    """The README's commands instead of the install have the same result: the user of `.env` logs in."""
    unfinished.remove()
    (unfinished.directory / ".env").unlink(missing_ok=True)
    example = unfinished.directory / ".env.example"
    here = {"COMPOSE_PROJECT_NAME": unfinished.project, "HTTP_PORT": str(unfinished.port)}
    for name, value in here.items():
        example.write_text(re.sub(rf"(?m)^{name}=.*$", f"{name}={value}", example.read_text()))
    for commands in commands_of(ROOT / "README_install_base_project.md", section=BY_HAND):
        run("bash", "-euc", commands, directory=unfinished.directory, limit=300)
    assert "change-me" not in unfinished.dotenv.values()
    assert unfinished.status("/health/ready") == 200
    email, password = (unfinished.dotenv[f"DEFAULT_USER_{value}"] for value in ("EMAIL", "PASSWORD"))
    log_in(playwright, unfinished.url, email=email, password=password).dispose()


def test_another_project_name(stack: Stack) -> None:
    """Another name in `.env` would make the site empty: the install says where the data is, and creates nothing."""
    dotenv = stack.directory / ".env"
    with replaced(dotenv, f"COMPOSE_PROJECT_NAME={stack.project}\n", f"COMPOSE_PROJECT_NAME={stack.project}-new\n"):
        result = install(stack)
    assert result.returncode == 1
    assert f"this folder was installed as '{stack.project}'" in result.stderr
    assert f"{stack.project}-new" not in run("docker", "volume", "ls", "--format", "{{.Name}}")
