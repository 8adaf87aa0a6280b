"""Exit status and messages of ./install_embedded.sh, whatever stopped it; and the services that it watches."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from bedplate.host.console import exit_status, step
from bedplate.host.embedded.processes import Group, process_group
from bedplate.host.embedded.services import Services, describe
from bedplate.host.errors import AbortError, HostError


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Restore the signal handlers of the tests' own process."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def fail(error: BaseException) -> Callable[[], None]:
    """Return a command that raises this error."""

    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (AbortError("the port is taken.", "Take another."), 1, "Stopped, nothing was changed: the port is taken."),
        (HostError("web ended by itself.", "Look above."), 1, "Why:    web ended by itself.\nTo do:  Look above."),
        (OSError(28, "No space left on device"), 1, "Why:    [Errno 28] No space left on device."),
        (KeyboardInterrupt(), 130, "Run it again."),
        (EOFError(), 130, "Run it again."),
    ],
)
def test_any_stop_is_a_failure(
    capsys: pytest.CaptureFixture[str], error: BaseException, status: int, said: str
) -> None:
    """Scripts rely on the status, people on the message."""
    assert exit_status(fail(error), interrupted="Run it again.") == status
    output = capsys.readouterr()
    assert said in output.out + output.err
    assert "Traceback" not in output.err


def test_success_is_0() -> None:
    """No other end has this status."""
    assert exit_status(lambda: None, interrupted="") == 0


def test_unexpected_error_is_a_line_and_a_log(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug ends in a failure without a traceback: that is in a file, which is named."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert exit_status(fail(ZeroDivisionError("by zero")), interrupted="") == 1
    said = capsys.readouterr().err
    assert "Why:    an unexpected error: ZeroDivisionError: by zero" in said
    assert "Traceback" not in said
    [log] = tmp_path.iterdir()
    assert str(log) in said
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_termination_signal_counts_as_an_interruption(number: signal.Signals) -> None:
    """A closed terminal and a machine that shuts down end it in the same order as Ctrl-C."""
    assert exit_status(lambda: os.kill(os.getpid(), number), interrupted="") == 130


@pytest.mark.parametrize(("error", "what"), [(KeyboardInterrupt(), "interrupted after"), (OSError(), "failed after")])
def test_step_says_how_it_ended(capsys: pytest.CaptureFixture[str], error: BaseException, what: str) -> None:
    """It raises the error again."""
    with pytest.raises(type(error)), step("Build"):
        raise error
    assert what in capsys.readouterr().out


@pytest.mark.parametrize(
    ("program", "how"),
    [("raise SystemExit(3)", "exit status 3"), ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL")],
)
def test_service_that_ends_is_named(program: str, how: str) -> None:
    """The other one still runs: the message says which one to look at."""
    with (
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as web,
        subprocess.Popen([sys.executable, "-c", program]) as worker,
    ):
        worker.wait()
        assert describe(worker.returncode) == how
        services = Services({"web": web, "worker": worker})
        with pytest.raises(HostError) as ended:
            services.watch()
        assert ended.value.reason == f"worker ended by itself ({how}), so everything is stopped."
        services.stop()
        assert web.wait() == -signal.SIGTERM


def test_services_stop_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    """First the service that people reach, then the one that works for it."""
    command = [sys.executable, "-c", "input()"]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE) as web,
        subprocess.Popen(command, stdin=subprocess.PIPE) as worker,
    ):
        Services({"web": web, "worker": worker}).stop()
    assert capsys.readouterr().out.split("\n") == ["", "Stopping web.", "Stopping worker.", ""]


@contextmanager
def group_in(folder: Path) -> Iterator[Group]:
    """Yield a process group whose log and lock are in the folder."""
    with (folder / "lock").open("w") as lock:
        with process_group(os.environ, log=folder / "install.log", lock=lock.fileno()) as group:
            yield group
        with group.leader:  # closes the pipe that our own end would close
            pass


def test_command_that_fails_is_explained_and_ends_the_others(tmp_path: Path) -> None:
    """The other one of two parallel steps is ended: waiting for it would be in vain."""
    fails = "import os; os.write(1, b'\\xff no space left'); raise SystemExit(1)"  # with a byte that is no UTF-8
    programs = (fails, "__import__('time').sleep(600)")
    with group_in(tmp_path) as group:
        steps = [partial(group.run, [sys.executable, "-c", program], folder=tmp_path) for program in programs]
        with pytest.raises(HostError) as failed:
            group.run_parallel(*steps)
    assert "no space left" in failed.value.output
    assert (tmp_path / "install.log").read_bytes() == b"\xff no space left"


def test_processes_end_with_the_group(tmp_path: Path) -> None:
    """No started process is left."""
    with group_in(tmp_path) as group:
        process = group.start([sys.executable, "-c", "__import__('time').sleep(600)"], folder=tmp_path)
        assert process.poll() is None
    with process:
        assert process.wait() == -signal.SIGKILL
