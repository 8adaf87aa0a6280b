"""The database and the uploaded files of this installation, as exported by `./google_storage.sh --export`."""

import os
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from bedplate.host.errors import AbortError, HostError

CLEANUP_TIMEOUT: Final = 30  # seconds for the export to clean up


@dataclass(frozen=True)
class InstalledData:
    """The data of the installation in a folder: the stack in Docker, or embedded mode."""

    root: Path
    embedded: bool

    @classmethod
    def find(cls, root: Path, *, embedded: bool) -> "InstalledData":
        """Return the data of the installation in this folder. Raise AbortError if nothing is installed."""
        if not embedded and (root / ".env").exists():
            return cls(root, embedded=False)
        if (root / ".env.embedded").exists() and (root / "var/embedded/database.sqlite3").exists():
            return cls(root, embedded=True)
        raise AbortError(
            "nothing is installed in this folder, so there is no database and no media.",
            "First run ./install_docker.sh, or ./install_embedded.sh --setup-only.",
            "Or hand over the code alone: --no-database --no-media",
        )

    @property
    def database_file(self) -> str:
        """The name of the database in the archive."""
        return "database.sqlite3" if self.embedded else "database.dump"

    def require_running_engine(self) -> None:
        """Raise AbortError if the data cannot be reached. A stopped stack is fine: its database is started."""
        if self.embedded:
            return
        try:
            subprocess.run(["docker", "info"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            raise AbortError(
                "Docker does not answer: the database and the media cannot be read.",
                "Start it, then run this again. Or hand over the code alone: --no-database --no-media",
            ) from None

    @property
    def _command(self) -> list[str | Path]:
        return [self.root / "google_storage.sh", *(["--embedded"] if self.embedded else [])]

    def sign(self, file: Path) -> bytes:
        """Return a signature of the file with this installation's key. Raise HostError if it cannot sign."""
        with file.open("rb") as content:
            result = subprocess.run(
                [*self._command, "--sign"], cwd=self.root, stdin=content, stdout=subprocess.PIPE, check=False
            )
        if result.returncode:
            raise HostError(
                f"{file} is made, but not signed, as said above.",
                f"Fix that, then: ./google_storage.sh --sign <'{file}' >'{file}.sig'",
            )
        return result.stdout

    @contextmanager
    def export(self, parts: list[str], *, anonymised: bool) -> Iterator[IO[bytes]]:
        """Yield a stream of a tar of the data. Raise HostError if it is incomplete."""
        how = [] if anonymised else ["--not-anonymised"]
        command = [*self._command, "--export", ",".join(parts), *how]
        with subprocess.Popen(
            command, cwd=self.root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, process_group=0
        ) as process:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            try:
                yield process.stdout
                process.stdout.read()  # what follows the tar's end
                process.wait()
            except Exception as error:
                if isinstance(error, tarfile.TarError) or _has_failed(process):
                    raise _failure() from error
                raise
            finally:
                _end(process)
        if process.returncode:
            raise _failure()


def _has_failed(process: subprocess.Popen[bytes]) -> bool:
    """Return whether the export failed by itself: then the tar was incomplete, which caused our error."""
    with suppress(subprocess.TimeoutExpired):
        return process.wait(2) != 0
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the processes that still run, after they have cleaned up."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(CLEANUP_TIMEOUT)


def _failure() -> HostError:
    return HostError("the data could not be read, as said above.", "Fix that, then run this again.")
