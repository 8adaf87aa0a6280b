"""install_docker.sh with a full disk, a signal at a bad time, or on an unusual machine."""

import os
import signal
import subprocess
import time
from typing import Final

import pytest
from bedplate.host.user import user_name
from fake_machine import CONFIG, FakeMachine
from fake_server import installed

RAN: Final = "compose ps --services --status running"
BROUGHT_BACK: Final = "compose up --detach --no-recreate --wait --wait-timeout 120"


@pytest.fixture
def used(machine: FakeMachine) -> FakeMachine:
    """Return a machine with an installation in use, whose build fails."""
    machine.write_dotenv()
    machine.answer(RAN, "web\\npostgres")
    machine.answer("compose ps --all --services --status created", "web")
    machine.answer("compose build", "password authentication failed", status=1)
    return machine


def wrap(machine: FakeMachine, script: str) -> None:
    """Run these lines before docker answers."""
    (machine.commands / "docker").rename(machine.commands / "docker-that-answers")
    machine.command("docker", f'{script}\nexec "$(dirname "$0")/docker-that-answers" "$@"')


def test_an_unwritable_log_does_not_prevent_the_restart(used: FakeMachine) -> None:
    """With a full disk too, services that ran are started again, and one that does not start is named."""
    wrap(used, '[[ $* != "compose build" ]] || { rm -f install_docker.log; mkdir install_docker.log; }')
    result = used.install("--yes")
    assert result.returncode == 1
    assert f"{BROUGHT_BACK} web" in used.calls()
    assert "These services do not run: web" in result.stderr


@pytest.mark.parametrize(("call", "status"), [("compose config", 130), ("compose ps --services", 130)])
def test_a_signal_while_a_failure_is_explained(used: FakeMachine, call: str, status: int) -> None:
    """Ctrl-C then ends the explanation, with the status of an interruption; services that ran are started again."""
    hit, failed = used.commands / "hit", used.commands / "failed"
    wrap(
        used,
        f'[[ $* != "compose build" ]] || : >{failed}\n'
        f'if [[ $* == "{call}"* && -e {failed} && ! -e {hit} ]]; then : >{hit}; sleep 3; fi',
    )
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [used.checkout / "install_docker.sh", "--yes"],
        env=used.environment(),
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while not hit.exists():
        assert time.monotonic() < deadline, "the failure was not explained"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    assert process.returncode in (status, 1)  # 1: it was restarting services that ran before
    assert f"{BROUGHT_BACK} web" in used.calls()


def test_a_configuration_that_cannot_be_read_is_refused(machine: FakeMachine) -> None:
    """Half of it would be wrong: the project's database would seem to be elsewhere."""
    machine.answer(
        "compose config", CONFIG.replace("services:\\n", "services:\\n  aa:\\n    labels:\\n      ? long\\n")
    )
    result = machine.install("--yes")
    assert result.returncode == 1
    assert "cannot be read: ? long" in result.stderr
    assert "compose up --detach --wait --wait-timeout 300" not in machine.calls()


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX"])
def test_values_keep_their_letters(machine: FakeMachine, locale: str) -> None:
    """`.env` is UTF-8 in every locale; an invalid byte is kept, too."""
    dotenv = machine.write_dotenv(PROJECT_NAME="Z\u00fcrich \u20ac")
    with dotenv.open("ab") as file:
        file.write(b"OURS=\xff\n")
    result = machine.install("--yes", "--port", "8999", LC_ALL=locale, PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    assert result.returncode == 0, result.stderr
    content = dotenv.read_bytes()
    assert "PROJECT_NAME=Z\u00fcrich \u20ac\n".encode() in content
    assert b"OURS=\xff\n" in content


@pytest.mark.parametrize(
    ("line", "said"), [(None, "as you have set it"), ("dev:$apr1$salt$hash", "as you have set it")]
)
def test_a_password_of_dev_that_is_not_known(server: FakeMachine, line: str | None, said: str) -> None:
    """A hash is no password, and is not printed."""
    file = installed(server, "dev") / "secrets/dev_password"
    if line is None:
        prod = server.checkout / "dev.yml"
        prod.write_text(
            "".join(part for part in prod.read_text().splitlines(keepends=True) if "dev_password" not in part)
        )
        file.unlink()
    else:
        file.write_text(f"{line}\n")
    result = server.install()
    assert result.returncode == 0, result.stderr
    assert f"user dev, password {said}" in result.stdout
    assert "$apr1$" not in result.stdout


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(machine: FakeMachine, closed: str) -> None:
    """A program that is started without one of its streams continues."""
    script = machine.checkout / "install_docker.sh"
    result = subprocess.run(
        ["bash", "-c", f'"$0" --yes {closed}', script], env=machine.environment(), check=False, capture_output=True
    )
    assert result.returncode == 0, result.stderr
    assert (machine.checkout / ".env").exists()


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number is used in advice to the user."""
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    assert user_name() == "54321"
