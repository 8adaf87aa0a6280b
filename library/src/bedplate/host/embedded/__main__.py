"""`./install_embedded.sh`: check, set up, serve."""

import argparse
import fcntl
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bedplate.host.embedded import (
    RefusalError,
    application,
    checks,
    configuration,
    frontend,
    google_storage,
    packages,
)
from bedplate.host.embedded.console import exit_status, say, step
from bedplate.host.embedded.processes import Group, process_group
from bedplate.host.embedded.project import Project
from bedplate.host.embedded.services import Services
from bedplate.host.embedded.summary import summary

ROOT: Final = Path(__file__).resolve().parents[5]

GO_ON: Final = "Interrupted. Nothing is lost: run this again to go on."

DESCRIPTION: Final = """\
Sets this project up on this machine without Docker, and runs it: the application on SQLite, with a web server
and a worker for background tasks, in the foreground. Needs Python 3.12 or newer and the package registries.

First it checks, and changes nothing: this folder, .env.embedded, the port, the disk.
Then it
  writes .env.embedded (secrets of its own, readable by you alone), unless there is one,
  installs the Python packages into .venv-embedded/,
  builds the frontend's assets, with a Node from the package registry where this machine has none that fits,
  migrates the database in var/embedded/, makes the default user, collects the static files,
  starts web server and worker, waits until the site is ready, and shows what they say until Ctrl-C.

Run it again whenever you like, after an interruption too: it keeps .env.embedded and all data, and does only
what has changed.
"""
EPILOG: Final = """\
./install_embedded.sh manage COMMAND ...   runs a manage.py command in the same environment, in web/

What the tools printed is in var/embedded/install.log.
Exit status: 0 stopped by Ctrl-C, or set up; 1 something failed (and is explained); 2 wrong options; 130 interrupted.
"""


@dataclass(frozen=True)
class Options:
    """What the person asked for."""

    port: int
    serve: bool


def parse(arguments: Sequence[str]) -> Options:
    """Return the options. Exit with 2 where they are wrong."""
    parser = argparse.ArgumentParser(
        prog="./install_embedded.sh",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--port", type=port_number, default=8000, help="the site's port on 127.0.0.1 (8000)")
    parser.add_argument("--setup-only", action="store_true", help="set up without serving")
    options = parser.parse_args(arguments)
    return Options(options.port, not options.setup_only)


def port_number(text: str) -> int:
    """Return the port. Raise ArgumentTypeError where it is none."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"needs a number from 1 to 65535, not {text!r}")
    return int(text)


@contextmanager
def locked(project: Project, port: int) -> Iterator[int]:
    """Yield the descriptor of the project's lock. Raise RefusalError while somebody else holds it."""
    project.data.mkdir(parents=True, exist_ok=True)
    with project.lock.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise RefusalError(
                f"./install_embedded.sh runs in this folder already ({lock.read()}).",
                "Use that one, or stop it (Ctrl-C in its terminal) and run this again.",
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, http://127.0.0.1:{port}")
        lock.flush()
        yield lock.fileno()


def steps(project: Project, group: Group) -> list[tuple[str, Callable[[], None]]]:
    """Return what is to be done before the project can be served."""
    python_packages = partial(application.install_packages, project, group)
    node_packages = partial(frontend.install_packages, project, group)
    database = ("Database, first user, static files", partial(application.prepare, project, group))
    if not project.frontend.is_dir():
        return [("Python packages", python_packages), database]
    return [
        ("Python and Node packages", partial(group.run_side_by_side, python_packages, node_packages)),
        ("Frontend assets", partial(frontend.build, project, group)),
        database,
    ]


def install(project: Project, options: Options) -> None:
    """Set the project up, and serve it until Ctrl-C if that is asked for."""
    checks.check_owner(project)
    with locked(project, options.port) as lock:
        with step("Check (nothing is changed yet)"):
            checks.check(project, port=options.port if options.serve else None)
        with step("Write .env.embedded"):
            variables = configuration.load(project)
        environment = configuration.process_environment(project, variables)
        with process_group(environment, log=project.log, lock=lock) as group:
            for title, action in steps(project, group):
                with step(title):
                    action()
            if options.serve:
                serve(project, group, variables, options.port)
            else:
                say("\nAll is set up. To run it: ./install_embedded.sh")


def serve(project: Project, group: Group, variables: Mapping[str, str], port: int) -> None:
    """Run web and worker until Ctrl-C."""
    services = Services()
    try:
        with step("Start web and worker"):
            services.start(project, group, port=port)
        say(summary(variables, port=port))
        services.show()
        with suppress(KeyboardInterrupt):
            services.watch()
    finally:
        services.stop()


def manage(project: Project, arguments: Sequence[str]) -> None:
    """Become `manage.py` with these arguments, in the environment of embedded mode."""
    whole = packages.current(project.python_environment, project.requirements).is_current()
    if not whole or not project.configuration.exists():
        raise RefusalError("this folder is not set up yet.", "First run: ./install_embedded.sh --setup-only")
    environment = configuration.process_environment(project, configuration.load(project))
    os.chdir(project.web)  # as in a container: what startapp and makemessages write belongs there
    os.execve(project.python, [str(project.python), str(project.web / "manage.py"), *arguments], environment)


def run(arguments: Sequence[str]) -> None:
    """Do what the command line says."""
    if arguments[:1] == ["manage"]:
        manage(Project(ROOT), arguments[1:])
    elif arguments[:1] == ["google_storage"]:
        google_storage.become(Project(ROOT), arguments[1:])
    else:
        install(Project(ROOT), parse(arguments))


if __name__ == "__main__":
    sys.exit(exit_status(partial(run, sys.argv[1:]), interrupted=GO_ON))
