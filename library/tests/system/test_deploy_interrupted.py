"""`./bedplate deploy`, interrupted: every service of the serving release runs again, or is named."""

import os
import signal
import subprocess

import pytest
from bedplate.testing.compose import wait_until
from fake_machine import FakeMachine
from test_rotate_secret_steps import running  # noqa: F401 - a fixture

REPLACE = "compose --env-file .env.release.new rm --stop --force celery flower cron"
STOP_FOR_CERTAIN = "compose rm --stop --force celery flower cron"
BRING_BACK = "compose up --detach --no-recreate --wait --wait-timeout 120 celery flower cron"


def interrupt(machine: FakeMachine, number: signal.Signals, call: str) -> tuple[int, str]:
    """Restart, and send the signal at this docker call; return the exit status and the output."""
    process = subprocess.Popen(
        [machine.checkout / "bedplate", "deploy", "--restart", "--yes"],
        env=machine.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: call in machine.calls(), limit=60, what=f"docker {call} is called")
    # By now the containers are stopped, and have the right image.
    machine.answer("compose ps --services *", "web\\nnginx\\npostgres\\nvalkey")
    os.killpg(process.pid, number)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGHUP, 129), (signal.SIGTERM, 143), (signal.SIGPIPE, 141)]
)
def test_services_stopped_by_the_last_step_are_started(
    running: FakeMachine,  # noqa: F811 - that fixture
    number: signal.Signals,
    status: int,
) -> None:
    """Their images are right, but they are stopped: states count. A service that does not start is named."""
    running.answer("compose ps --services *", "web\\nnginx\\npostgres\\nvalkey\\ncelery\\nflower\\ncron")
    running.answer(REPLACE, status="hang")
    ended, errors = interrupt(running, number, REPLACE)
    assert ended == status
    assert "Going back to the release latest" in errors
    # Docker shows stopping containers as running: the command waits for them before it looks at the states.
    calls = running.calls()
    assert calls.index(STOP_FOR_CERTAIN) < calls.index(BRING_BACK)
    assert "These services do not run: celery flower cron" in errors
    assert "docker compose up --detach --wait celery flower cron" in errors
