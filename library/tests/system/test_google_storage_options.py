"""google_storage.sh: the input that it passes to the container, and the input that it does not."""

import subprocess
from pathlib import Path

import pytest
import typer
from bedplate.backup import command_line
from bedplate.host.cli.google_storage import KNOWN
from bedplate.testing.checkout import ROOT
from documents import commands_of
from fake_machine import FakeMachine

KEY = "AGE-SECRET-KEY-1EXAMPLE"


@pytest.fixture
def stack(machine: FakeMachine, tmp_path: Path) -> FakeMachine:
    """Return a machine with a stack, whose containers print their input."""
    machine.write_dotenv()
    machine.answer("compose ps *", "1234")
    docker = (machine.commands / "docker").read_text()
    machine.command("real-docker", docker.split("\n", 1)[1])
    machine.command(
        "docker", f'[[ $* != *"compose run"* ]] || cat >"{tmp_path}/given"\nexec "$(dirname "$0")/real-docker" "$@"'
    )
    (tmp_path / "key.txt").write_text(KEY)
    return machine


def google_storage(machine: FakeMachine, directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Return the result of ./google_storage.sh, called from this folder, with the key on its standard input."""
    return subprocess.run(
        [machine.checkout / "google_storage.sh", *arguments],
        cwd=directory,
        env=machine.environment(),
        input=KEY,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    "arguments", [("--identity-file", "key.txt"), ("--identity-file=key.txt",), ("--identity-file", "-")]
)
def test_identity_comes_on_standard_input(stack: FakeMachine, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """The file is mounted nowhere; its path is relative to the caller's folder."""
    result = google_storage(stack, tmp_path, "-r", "latest", *arguments)
    assert result.returncode == 0, result.stderr
    (call,) = [call for call in stack.calls() if call.startswith("compose run")]
    assert call.endswith(f"-r latest {' '.join(arguments).replace('key.txt', '-')}")
    assert "key.txt" not in call
    assert (tmp_path / "given").read_text() == KEY


@pytest.mark.parametrize("file", ["missing.txt", "."])
def test_identity_that_cannot_be_read(stack: FakeMachine, tmp_path: Path, file: str) -> None:
    """The file is named, and nothing runs."""
    result = google_storage(stack, tmp_path, "-r", "latest", "--identity-file", file)
    assert result.returncode == 1
    assert f"There is no identity file {file} that you may read." in result.stderr
    assert not (tmp_path / "given").exists()


RUNNING = "compose ps --all --quiet --status running"


@pytest.fixture
def stopped(stack: FakeMachine, tmp_path: Path) -> FakeMachine:
    """Return the machine with a stopped stack, except a service and a command that need no database."""
    stack.answer(f"{RUNNING} postgres")
    stack.answer(RUNNING, "npm_watch-1\\ncron-1")
    docker = (stack.commands / "docker").read_text()
    rules, started = stack.commands / "rules", f"{RUNNING} postgres\\t0\\tpostgres-1"
    stack.command(
        "docker",
        f"[[ $* != 'compose up'* ]] || printf '{started}\\n' >>{rules}\n"
        f"[[ $* != 'compose run'* ]] || cat {tmp_path}/meanwhile >>{rules}\n" + docker.split("\n", 1)[1],
    )
    return stack


def meanwhile(tmp_path: Path, *containers: str) -> None:
    """Let these containers run when the command ends."""
    (tmp_path / "meanwhile").write_text(f"{RUNNING}\t0\t{'\\n'.join(containers)}\n")


@pytest.mark.parametrize("others", [("npm_watch-1", "cron-1"), ("npm_watch-1",), ()])
def test_services_started_for_the_command_are_stopped_again(
    stopped: FakeMachine, tmp_path: Path, others: tuple[str, ...]
) -> None:
    meanwhile(tmp_path, *others, "postgres-1")
    assert google_storage(stopped, tmp_path, "-b").returncode == 0
    assert stopped.calls()[-1] == "compose stop postgres"


@pytest.mark.parametrize(
    "containers",
    [
        ("npm_watch-1", "cron-1", "postgres-1", "web-1", "nginx-1"),
        ("npm_watch-1", "postgres-1", "cron-2"),
        ("npm_watch-2", "cron-1", "postgres-1"),
        ("npm_watch-1", "cron-1", "postgres-2"),
    ],
)
def test_services_started_by_others_keep_their_database(
    stopped: FakeMachine, tmp_path: Path, containers: tuple[str, ...]
) -> None:
    """The site, or a container of another such command, even if one of the same service ran before."""
    meanwhile(tmp_path, *containers)
    assert google_storage(stopped, tmp_path, "-b").returncode == 0
    assert not [call for call in stopped.calls() if call.startswith("compose stop")]


def test_a_database_elsewhere_is_not_started(stopped: FakeMachine, tmp_path: Path) -> None:
    """It is not stopped either: there is no such service."""
    stopped.use_external_database()
    meanwhile(tmp_path, "npm_watch-1", "cron-1")
    assert google_storage(stopped, tmp_path, "-b").returncode == 0
    assert not [call for call in stopped.calls() if call.startswith(("compose up", "compose stop"))]


def test_the_test_servers_of_the_how_to_start() -> None:
    """Both commands of the how-to page start, and list their options."""
    page = ROOT / "library/docs/how-to/authenticate-google-storage.md"
    (commands,) = commands_of(page, section="Try it without Google")
    said = subprocess.run(["bash", "-ec", commands], cwd=ROOT, capture_output=True, check=True, text=True, timeout=60)
    assert said.stdout.count("usage: python -m ") == 2


@pytest.mark.parametrize("arguments", [("--nonsense",), ("-l", "--nonsense=1"), ("-x",), ("latest",), ()])
def test_wrong_usage_before_an_install(machine: FakeMachine, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """It is wrong usage, whatever is installed: 2. A right command needs an install: 1."""
    wrong = google_storage(machine, tmp_path, *arguments)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "--help lists them." in wrong.stderr
    assert not (machine.commands / "calls").exists()
    right = google_storage(machine, tmp_path, "-l")
    assert right.returncode == 1
    assert "nothing is installed in this folder yet" in right.stderr


def test_options_known_before_an_install() -> None:
    """They are those of the backup system, and --embedded."""
    command = typer.main.get_command(command_line.application)
    own = {name for parameter in command.params for name in parameter.opts}
    assert own | {"--embedded", "-h", "--help"} == KNOWN
