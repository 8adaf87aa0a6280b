"""Running a command: its output, its exit, and its remaining processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bedplate.django.cron_runs import command
from bedplate.django.cron_runs.command import CommandResult, RunningCommand, Tail, arguments
from bedplate.django.cron_runs.models import CronRun
from bedplate.django.cron_runs.processes import children, descendants, session
from bedplate.django.cron_runs.runner import Outcome, classify
from bedplate.testing.worker import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="cron runs in Linux containers")


def run(text: str, *, stop: bool = False) -> CommandResult:
    """Return the result of a command; with `stop`, stop it once it has printed something."""
    running = RunningCommand(text)

    def watch() -> None:
        if stop:
            running.stop()

    return running.wait(meanwhile=watch, every=0.5)


def is_gone(process: int) -> bool:
    try:
        return "Z" in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # ended before the read, or during it
        return True


def test_output_is_copied_and_kept(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    result = run("echo one; echo two >&2; exit 3")
    assert result == CommandResult(exit_code=3, output="one\ntwo\n", was_stopped=False)
    assert capfdbinary.readouterr().out == b"one\ntwo\n"


def test_only_the_end_of_a_long_output_is_kept() -> None:
    tail = Tail(limit=20)
    for number in range(1000):
        tail.add(b"line %d\n" % number)
    assert tail.text() == "[…]\nline 998\nline 999\n"


def test_output_is_converted_for_the_database() -> None:
    tail = Tail()
    tail.add(b"a\0b\xff\n")
    assert tail.text() == "ab\ufffd\n"


def test_long_output_does_not_block_the_command() -> None:
    result = run("head --bytes=3000000 /dev/zero | tr '\\0' x; echo; echo done")
    assert result.output.endswith("\ndone\n")
    assert len(result.output) <= command.KEPT_SIZE + len("[…]\n")


def test_remaining_processes_of_a_command_are_killed() -> None:
    started = time.monotonic()
    result = run("(trap '' TERM HUP; exec timeout 600 sleep 600) & echo $$")
    assert time.monotonic() - started < 10
    assert session(int(result.output)) == set()


def test_stopping_a_command_stops_its_descendants() -> None:
    result = run("trap 'echo tidied up; exit 4' TERM; timeout 600 bash -c 'echo $$; sleep 600' & wait", stop=True)
    child, text = result.output.splitlines()
    assert (result.exit_code, result.was_stopped, text) == (4, True, "tidied up")
    wait_until(lambda: is_gone(int(child)), limit=5)


def test_command_gets_the_signal_before_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    class YoungestFirst(set[int]):
        def __iter__(self) -> Iterator[int]:
            return iter(sorted(set(self), reverse=True))

    signaled: list[int] = []
    kill = os.kill

    def record(process: int, number: int) -> None:
        signaled.append(process)
        kill(process, number)

    monkeypatch.setattr(command, "session", lambda leader: YoungestFirst(session(leader)))
    monkeypatch.setattr(os, "kill", record)
    result = run("trap 'exit 4' TERM; timeout 600 sleep 600 & echo $$; wait", stop=True)
    assert (result.exit_code, signaled[0]) == (4, int(result.output))


def test_command_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "STOP_GRACE_PERIOD", 0.5)
    result = run("trap '' TERM; while true; do sleep 0.1; done", stop=True)
    assert (result.exit_code, result.was_stopped) == (128 + signal.SIGKILL, True)


def test_command_over_its_time_limit_is_ended_with_its_descendants() -> None:
    started = time.monotonic()
    result = RunningCommand("sleep 600 & echo $!; sleep 600", time_limit="1s").wait(meanwhile=lambda: None, every=1)
    assert (result.exit_code, result.was_stopped) == (124, False)
    assert is_gone(int(result.output))
    assert 1 <= time.monotonic() - started < 8


def test_command_that_ignores_its_time_limit_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "KILL_AFTER", "1s")
    limited = RunningCommand("trap '' TERM; while true; do sleep 0.1; done", time_limit="1s")
    assert limited.wait(meanwhile=lambda: None, every=1).exit_code == 128 + signal.SIGKILL


def test_command_without_a_time_limit_is_not_run_by_timeout() -> None:
    assert arguments("x --all", time_limit=None) == ["setpriv", "--pdeathsig=TERM", "--", "bash", "-c", "x --all"]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("echo $$ >pid; exec sleep 600", ""),
        ("trap '' TERM; echo $$ >pid; while true; do sleep 0.1; done", ", time_limit='600s'"),
    ],
    ids=["that stops when asked", "that does not stop when asked"],
)
def test_command_ends_when_its_supervisor_is_killed(tmp_path: Path, text: str, options: str) -> None:
    watcher = (
        "from bedplate.django.cron_runs import command;"
        "command.KILL_AFTER = '1s';"
        f"command.RunningCommand({text!r}{options}).wait(meanwhile=lambda: None, every=1)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(command.__file__).parents[3])}
    watching = subprocess.Popen([sys.executable, "-c", watcher], cwd=tmp_path, env=environment)
    pid = tmp_path / "pid"
    wait_until(lambda: pid.exists() and pid.read_text().strip())
    watching.kill()
    watching.wait()
    wait_until(lambda: is_gone(int(pid.read_text())), limit=5)


def test_processes_are_found_by_parent_and_session() -> None:
    with subprocess.Popen(["bash", "-c", "sleep 600 & wait"], start_new_session=True) as shell:
        wait_until(lambda: len(children(shell.pid)) == 1)
        (sleep,) = children(shell.pid)
        assert {shell.pid, sleep} <= descendants(os.getpid())
        assert session(shell.pid) == {shell.pid, sleep}
        for process in (shell.pid, sleep):
            os.kill(process, signal.SIGKILL)


@pytest.mark.parametrize(
    ("exit_code", "was_stopped", "expected"),
    [
        (0, False, Outcome(CronRun.State.SUCCEEDED)),
        (0, True, Outcome(CronRun.State.SUCCEEDED)),
        (1, False, Outcome(CronRun.State.FAILED, "Exited with 1.")),
        (1, True, Outcome(CronRun.State.FAILED, "Stopped: its container was stopped.")),
        (75, False, Outcome(CronRun.State.SKIPPED, "The run before it has not ended.")),
        (124, False, Outcome(CronRun.State.FAILED, "Over its time limit.")),
        (137, False, Outcome(CronRun.State.FAILED, "Ended by signal 9: over its time limit, or killed.")),
    ],
)
def test_results_are_classified(*, exit_code: int, was_stopped: bool, expected: Outcome) -> None:
    assert classify(CommandResult(exit_code=exit_code, output="", was_stopped=was_stopped)) == expected
