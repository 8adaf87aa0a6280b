"""Many runs of the command: each is a process, forked from one that has already imported everything."""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import command


class Preloaded:
    """Runs commands, one at a time."""

    def __init__(self, server: "subprocess.Popen[str]", folder: Path) -> None:
        """Use this server, and this folder for the commands' output."""
        self._server, self._folder = server, folder

    def run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> command.Result:
        """Run `python -m bedplate.backup …` in this environment, and return the result."""
        assert self._server.stdin
        assert self._server.stdout
        request = {"arguments": arguments, "environment": dict(environment), "folder": str(self._folder)}
        self._server.stdin.write(f"{json.dumps(request)}\n")
        self._server.stdin.flush()
        status = int(self._server.stdout.readline())
        printed, said = ((self._folder / name).read_text(errors="replace") for name in ("1", "2"))
        return subprocess.CompletedProcess(arguments, status, printed, said)


@contextmanager
def preloaded() -> Iterator[Preloaded]:
    """Yield an object that runs commands."""
    with (
        TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, __file__],
            env=command.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as server,
    ):
        try:
            yield Preloaded(server, Path(folder))
        finally:
            server.communicate()


def serve() -> None:
    """Run a command for each line of standard input; answer with its exit status."""
    import bedplate.backup.stores.google  # noqa: F401, PLC0415 - what takes long to import
    from bedplate.backup import command_line, staging  # noqa: PLC0415

    # Migrations take seconds, and these tests are not about them.
    vars(staging)["manage"] = lambda *_, **__: ""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            become(json.loads(line), command_line.main)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def become(request: dict[str, Any], main: Any) -> None:
    """Run the command in this process, and exit."""
    os.environ.clear()
    os.environ.update(request["environment"])
    for descriptor in (1, 2):
        file = os.open(Path(request["folder"], str(descriptor)), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv[1:] = request["arguments"]
    status: object = 1
    try:
        main()
    except SystemExit as error:
        status = error.code
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else 0 if status is None else 1)


if __name__ == "__main__":
    serve()
