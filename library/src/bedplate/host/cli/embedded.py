"""`./install_embedded.sh`: check, set up, serve."""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from bedplate.host import ROOT, interpreters
from bedplate.host.checks.ports import port_number
from bedplate.host.cli.parsers import command_parser
from bedplate.host.console import exit_status, say, step
from bedplate.host.embedded import application, checks, configuration, frontend, packages
from bedplate.host.embedded.processes import Group, process_group
from bedplate.host.embedded.project import Project
from bedplate.host.embedded.services import Services
from bedplate.host.embedded.summary import summary
from bedplate.host.errors import AbortError

INTERRUPTED: Final = "Interrupted. Nothing is lost: run this again to continue."

DESCRIPTION: Final = """\
Sets this project up on this machine without Docker, and runs it: the application on SQLite, with a web server
and a worker for background tasks, in the foreground. Needs Python 3.12 or newer and the package registries.

First it checks, and changes nothing: this folder, .env.embedded, the port, the disk.
Then it
  writes .env.embedded (with its own secrets, readable only by you), unless there is one,
  installs the Python packages into .venv-embedded/,
  builds the frontend's assets, with a Node from the package registry if this machine has no suitable one,
  migrates the database in var/embedded/, creates the default user, collects the static files,
  starts web server and worker, waits until the site is ready, and shows their output until Ctrl-C.

You can run it again at any time, also after an interruption: it keeps .env.embedded and all data, and repeats only
steps whose input has changed.
"""
EPILOG: Final = """\
./install_embedded.sh manage COMMAND ...   runs a manage.py command in the same environment, in web/

The output of the tools is in var/embedded/install.log.
Exit status: 0 stopped by Ctrl-C, or set up; 1 failed (with the reason); 2 invalid usage; 130 interrupted.
"""


@dataclass(frozen=True)
class EmbeddedOptions:
    """The options of the command line."""

    port: int
    serve: bool


def parse(arguments: Sequence[str]) -> EmbeddedOptions:
    """Return the options. Exit with 2 if they are invalid."""
    parser = command_parser("./install_embedded.sh", DESCRIPTION, EPILOG)
    parser.add_argument("--port", type=port_number, default=8000, help="the site's port on 127.0.0.1 (8000)")
    parser.add_argument("--setup-only", action="store_true", help="set up without serving")
    options = parser.parse_args(arguments)
    return EmbeddedOptions(options.port, not options.setup_only)


@contextmanager
def locked(project: Project, port: int) -> Iterator[int]:
    """Hold the project's lock; yield its descriptor. Raise AbortError while another process holds it."""
    project.data.mkdir(parents=True, exist_ok=True)
    with project.lock.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AbortError(
                f"./install_embedded.sh runs in this folder already ({lock.read()}).",
                "Use that one, or stop it (Ctrl-C in its terminal) and run this again.",
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, http://localhost:{port}")
        lock.flush()
        yield lock.fileno()


def steps(project: Project, group: Group) -> list[tuple[str, Callable[[], None]]]:
    """Return the steps of the set-up, each with its title."""
    python_packages = partial(application.install_packages, project, group)
    node_packages = partial(frontend.install_packages, project, group)
    database = ("Database, first user, static files", partial(application.prepare, project, group))
    if not project.frontend.is_dir():
        return [("Python packages", python_packages), database]
    return [
        ("Python and Node packages", partial(group.run_parallel, python_packages, node_packages)),
        ("Frontend assets", partial(frontend.build, project, group)),
        database,
    ]


def install(project: Project, options: EmbeddedOptions) -> None:
    """Set the project up, and if requested serve it until Ctrl-C."""
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


def run_manage_command(project: Project, arguments: Sequence[str]) -> None:
    """Replace this process with `manage.py` and these arguments, in the environment of embedded mode."""
    if (project.python_environment / ".complete").exists():
        interpreters.require(project.python_environment)
    whole = packages.current(project.python_environment, project.requirements).is_current()
    if not whole or not project.configuration.exists():
        raise AbortError("this folder is not set up yet.", "First run: ./install_embedded.sh --setup-only")
    environment = configuration.process_environment(project, configuration.load(project))
    os.chdir(project.web)  # as in a container: startapp and makemessages write there
    os.execve(project.python, [str(project.python), str(project.web / "manage.py"), *arguments], environment)


def run(arguments: Sequence[str]) -> None:
    """Run the command line."""
    project = Project(ROOT)
    if arguments[:1] == ["manage"]:
        run_manage_command(project, arguments[1:])
    else:
        options = parse(arguments)
        interpreters.require(project.python_environment)
        install(project, options)


def main(arguments: Sequence[str]) -> int:
    """Set the project up and serve it, or run a command of its manage.py. Return the exit status."""
    return exit_status(partial(run, arguments), interrupted=INTERRUPTED)
