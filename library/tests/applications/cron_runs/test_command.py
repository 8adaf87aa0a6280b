"""Running a command: its output, its end, and what it leaves behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bedplate.django.cron_runs import command
from bedplate.django.cron_runs.command import Command, Ending, Tail
from bedplate.django.cron_runs.models import CronRun
from bedplate.django.cron_runs.processes import children, descendants, session
from bedplate.django.cron_runs.recorder import Verdict, judge
from bedplate.testing.worker import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="cron runs in Linux containers")


def run(text: str, *, stop: bool = False) -> Ending:
    """Return how a command ended, told to stop once it has printed if `stop`."""
    running = Command(text)

    def watch() -> None:
        if stop:
            running.stop()

    return running.wait(meanwhile=watch, every=0.5)


def is_gone(process: int) -> bool:
    try:
        return "Z" in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # ended before, or while it was read
        return True


def test_output_is_passed_on_and_kept(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    ending = run("echo one; echo two >&2; exit 3")
    assert ending == Ending(exit_code=3, output="one\ntwo\n", was_stopped=False)
    assert capfdbinary.readouterr().out == b"one\ntwo\n"


def test_only_the_end_of_a_long_output_is_kept() -> None:
    tail = Tail(limit=20)
    for number in range(1000):
        tail.add(b"line %d\n" % number)
    assert tail.text() == "[…]\nline 998\nline 999\n"


def test_output_is_made_fit_for_the_database() -> None:
    tail = Tail()
    tail.add(b"a\0b\xff\n")
    assert tail.text() == "ab\ufffd\n"


def test_long_output_does_not_block_the_command() -> None:
    ending = run("head --bytes=3000000 /dev/zero | tr '\\0' x; echo; echo done")
    assert ending.output.endswith("\ndone\n")
    assert len(ending.output) <= command.KEPT + len("[…]\n")


def test_what_a_command_leaves_behind_is_ended_with_it() -> None:
    started = time.monotonic()
    ending = run("(trap '' TERM HUP; exec timeout 600 sleep 600) & echo $$")
    assert time.monotonic() - started < 10
    assert session(int(ending.output)) == set()


def test_stopping_reaches_everything_that_a_command_started() -> None:
    ending = run("trap 'echo tidied up; exit 4' TERM; timeout 600 bash -c 'echo $$; sleep 600' & wait", stop=True)
    child, said = ending.output.splitlines()
    assert (ending.exit_code, ending.was_stopped, said) == (4, True, "tidied up")
    wait_until(lambda: is_gone(int(child)), limit=5)


def test_command_is_told_to_stop_before_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class YoungestFirst(set[int]):
        def __iter__(self) -> Iterator[int]:
            return iter(sorted(set(self), reverse=True))

    told: list[int] = []
    kill = os.kill

    def tell(process: int, number: int) -> None:
        told.append(process)
        kill(process, number)

    monkeypatch.setattr(command, "session", lambda leader: YoungestFirst(session(leader)))
    monkeypatch.setattr(os, "kill", tell)
    ending = run("trap 'exit 4' TERM; timeout 600 sleep 600 & echo $$; wait", stop=True)
    assert (ending.exit_code, told[0]) == (4, int(ending.output))


def test_command_that_does_not_stop_is_made_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PATIENCE", 0.5)
    ending = run("trap '' TERM; while true; do sleep 0.1; done", stop=True)
    assert (ending.exit_code, ending.was_stopped) == (128 + signal.SIGKILL, True)


def test_command_ends_when_what_watches_it_is_killed(tmp_path: Path) -> None:
    watcher = (
        "from bedplate.django.cron_runs.command import Command;"
        "Command('echo $$ >pid; exec sleep 600').wait(meanwhile=lambda: None, every=1)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(command.__file__).parents[3])}
    watching = subprocess.Popen([sys.executable, "-c", watcher], cwd=tmp_path, env=environment)
    pid = tmp_path / "pid"
    wait_until(lambda: pid.exists() and pid.read_text().strip())
    watching.kill()
    watching.wait()
    wait_until(lambda: is_gone(int(pid.read_text())), limit=5)


def test_processes_are_found_by_who_started_them() -> None:
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
        (0, False, Verdict(CronRun.State.SUCCEEDED)),
        (0, True, Verdict(CronRun.State.SUCCEEDED)),
        (1, False, Verdict(CronRun.State.FAILED, "Exited with 1.")),
        (1, True, Verdict(CronRun.State.FAILED, "Stopped: its container was told to end.")),
        (75, False, Verdict(CronRun.State.SKIPPED, "The run before it has not ended.")),
        (124, False, Verdict(CronRun.State.FAILED, "Over its time limit.")),
        (137, False, Verdict(CronRun.State.FAILED, "Ended by signal 9: over its time limit, or killed.")),
    ],
)
def test_what_an_ending_means(*, exit_code: int, was_stopped: bool, expected: Verdict) -> None:
    assert judge(Ending(exit_code=exit_code, output="", was_stopped=was_stopped)) == expected
