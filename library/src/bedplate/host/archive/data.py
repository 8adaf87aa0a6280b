"""The database and the uploaded files of this installation, as `./google_storage.sh --export` gives them."""

import os
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from bedplate.host.embedded import EmbeddedError, RefusalError

PATIENCE: Final = 30  # seconds that the export has to clean up after itself


@dataclass(frozen=True)
class Installation:
    """What runs in a folder: the stack in Docker, or embedded mode."""

    root: Path
    embedded: bool

    @classmethod
    def find(cls, root: Path, *, embedded: bool) -> "Installation":
        """Return the installation in this folder. Raise RefusalError when there is none."""
        if not embedded and (root / ".env").exists():
            return cls(root, embedded=False)
        if (root / ".env.embedded").exists() and (root / "var/embedded/database.sqlite3").exists():
            return cls(root, embedded=True)
        raise RefusalError(
            "nothing is installed in this folder, so there is no database and no media.",
            "First run ./install_docker.sh, or ./install_embedded.sh --setup-only.",
            "Or hand over the code alone: --no-database --no-media",
        )

    @property
    def database_file(self) -> str:
        """The name of the database in the archive."""
        return "database.sqlite3" if self.embedded else "database.dump"

    def require_running_engine(self) -> None:
        """Raise RefusalError when there is no way to the data. A stack that is stopped is one: its database starts."""
        if self.embedded:
            return
        try:
            subprocess.run(["docker", "info"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            raise RefusalError(
                "Docker does not answer: the database and the media cannot be read.",
                "Start it, then run this again. Or hand over the code alone: --no-database --no-media",
            ) from None

    @contextmanager
    def export(self, parts: list[str], *, anonymised: bool) -> Iterator[IO[bytes]]:
        """Give a tar of the data, as a stream. Raise EmbeddedError when it turns out not to be whole."""
        mode = ["--embedded"] if self.embedded else []
        how = [] if anonymised else ["--not-anonymised"]
        command: list[str | Path] = [self.root / "google_storage.sh", *mode, "--export", ",".join(parts), *how]
        with subprocess.Popen(
            command, cwd=self.root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, process_group=0
        ) as process:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            try:
                yield process.stdout
                process.stdout.read()  # what follows the tar's end
                process.wait()
            except Exception as error:
                if isinstance(error, tarfile.TarError) or _ended_badly(process):
                    raise _failure() from error
                raise
            finally:
                _end(process)
        if process.returncode:
            raise _failure()


def _ended_badly(process: subprocess.Popen[bytes]) -> bool:
    """Return whether it has failed by itself. Then its tar is cut short, which is why we did."""
    with suppress(subprocess.TimeoutExpired):
        return process.wait(2) != 0
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what still runs, once it has cleaned up after itself."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)


def _failure() -> EmbeddedError:
    return EmbeddedError("the data could not be read, as said above.", "Put that right, then run this again.")
