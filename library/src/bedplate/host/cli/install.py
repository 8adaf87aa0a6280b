"""`./install_docker.sh`: from a clone to the running stack."""

import argparse
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

from bedplate.host import ROOT
from bedplate.host.checks import folder, project
from bedplate.host.checks.docker import check_docker
from bedplate.host.checks.ports import port_number
from bedplate.host.checks.server import check_server
from bedplate.host.cli import install_swarm
from bedplate.host.cli.parsers import add_yes, command_parser
from bedplate.host.configuration import env_file
from bedplate.host.configuration.environment import find_environment
from bedplate.host.configuration.secret_list import Secret, read_secrets
from bedplate.host.console import exit_status, write
from bedplate.host.diagnosis import diagnose
from bedplate.host.install import certificate, report, services
from bedplate.host.install.request import Request
from bedplate.host.install.stack import Stack
from bedplate.host.steps import StepError, Steps, confirm, report_failure, run

USAGE: Final = """\
./install_docker.sh [--yes] [--port N]
       ./install_docker.sh --environment dev|prod [--domain NAME] [--admin-email MAIL]
                           [--port N] [--https-port N] [--swarm] [--yes]"""
DESCRIPTION: Final = """\
Builds and starts this project on this machine, with Docker: LOCAL, or DEV or PROD on a server.

First it checks, and changes nothing: Docker and Compose, this folder, .env, secrets, ports, the disk.
Then it
  writes .env (with its own secrets, readable only by you; DEV and PROD: in secrets/), unless there is one,
  pulls and builds the images,
  starts PostgreSQL and Valkey, migrates the database, creates the default user,
  starts everything and waits until every service is healthy,
  DEV and PROD: requests a certificate, if the domain resolves to a public address.

You can run it again at any time, also after an interruption: it keeps .env and all data.
"""
EPILOG: Final = """\
These values are written into an existing .env, too.

Environment, read when .env is written:
  COMPOSE_PROJECT_NAME   names containers, volumes and images: for a second copy on one machine
  HTTP_PORT              as --port; DOMAIN, ADMIN_EMAIL and HTTPS_PORT as their options
  BIND_ADDRESS           DEV and PROD: the address of this machine to listen on (0.0.0.0: all)
  BACKUP_URL             DEV and PROD: the store of the backups
  ACME_SERVER            DEV and PROD: the issuer of the certificate (letsencrypt, staging, off, a URL)
  COMPOSE_FILE           DEV and PROD: your own Compose files, after the environment's: prod.yml:ours.yml

All commands and their output are in install_docker.log.
Exit status: 0 running, 1 failed (with the reason), 2 invalid usage, 130 interrupted.
"""
VARIABLES: Final = {"domain": "DOMAIN", "admin_email": "ADMIN_EMAIL", "https_port": "HTTPS_PORT"}


def parse(arguments: Sequence[str]) -> tuple[Request, argparse.Namespace]:
    """Return the request, and the options. Exit with 2 if an option is invalid."""
    parser = command_parser("./install_docker.sh", DESCRIPTION, EPILOG, USAGE)
    parser.add_argument(
        "--environment",
        type=environment_name,
        metavar="E",
        help="local (the default), dev or prod; a folder keeps the environment of its first install",
    )
    parser.add_argument(
        "--domain", type=given, metavar="NAME", help="DEV and PROD: the site's name; asked for when not given"
    )
    parser.add_argument(
        "--admin-email",
        type=given,
        metavar="MAIL",
        help="DEV and PROD: the first user, who also gets mail about errors; asked for when not given",
    )
    port = "LOCAL: the site's port on 127.0.0.1 (8000); DEV and PROD: HTTP's (80)"
    parser.add_argument("--port", type=port_number, metavar="N", help=port)
    parser.add_argument("--https-port", type=port_number, metavar="N", help="DEV and PROD: HTTPS's (443)")
    parser.add_argument(
        "--new-database",
        action="store_true",
        help="after a change of COMPOSE_PROJECT_NAME in .env: start with an empty database under the new name; the "
        "data under the earlier one stay",
    )
    parser.add_argument(
        "--swarm", action="store_true", help="PROD on several machines (library/docs/how-to/several-machines.md)"
    )
    add_yes(parser)
    options = parser.parse_args(arguments)
    environment = find_environment(options.environment or "")
    values = {variable: str(vars(options)[name]) for name, variable in VARIABLES.items() if vars(options)[name]}
    if values and not environment.is_server:
        option = next(name for name in VARIABLES if vars(options)[name]).replace("_", "-")
        parser.error(f"--{option} is for servers: add --environment dev or prod.")
    request = Request(
        environment=environment, values=values, port_option=str(options.port or ""), new_database=options.new_database
    )
    return request, options


def given(text: str) -> str:
    """Return the text. Raise ArgumentTypeError if it is empty."""
    if not text:
        raise argparse.ArgumentTypeError("needs a value.")
    return text


def environment_name(text: str) -> str:
    """Return the name of an environment. Raise ArgumentTypeError if it is unknown."""
    if text not in ("local", "dev", "prod"):
        raise argparse.ArgumentTypeError(f"is local, dev or prod, not '{text}'.")
    return text


def check(request: Request) -> dict[str, Secret]:
    """Return the secrets of a server after all checks. Raise AbortError if the install cannot succeed."""
    environment, secrets = request.environment, {}
    check_docker()
    folder.take_lock()
    folder.check_owner()
    folder.check_env_file(environment)
    project.check_names(request)
    if environment.is_server:
        secrets = read_secrets(environment)
        check_server(request, secrets)
    project.check_other_folders(request)
    project.check_database_volume(request)
    project.check_earlier_name(request)
    project.check_port(request, request.port)
    if environment.is_server:
        project.check_port(request, request.pending_value("HTTPS_PORT"), "--https-port")
    project.check_disk(request.project, env_file.configured("RELEASE") if environment.is_server else "local")
    return secrets


def act(stack: Stack) -> str:
    """Run the steps; return the message about the default user."""
    steps, is_server = stack.steps, stack.is_server
    where = "Valkey (PostgreSQL is elsewhere)" if stack.database_is_elsewhere else "PostgreSQL and Valkey"
    sequence: list[tuple[str, Callable[[], None]]] = [
        ("Pull the images", stack.pull_images),
        ("Build the images", stack.build_images),
        (f"Start {where}", stack.start_databases),
        ("Migrate the database", stack.migrate),
        ("Create the default user", stack.create_default_user),
    ]
    for title, action in sequence:
        with steps.step(title):
            action()
    user_report = (steps.log_of_last_step().splitlines() or [""])[-1]
    with steps.step("Start everything"):
        stack.start_everything()
    if is_server and certificate.is_requested(stack.request.environment):
        with steps.step("Request a certificate"):
            certificate.request_certificate(steps)
    return user_report


def configure(stack: Stack) -> None:
    """Run the step that writes the configuration, which overrides the shell's variables from then on."""
    if stack.is_server:
        with stack.steps.step("Write secrets/ and .env"):
            stack.write_server_configuration()
    else:
        with stack.steps.step("Write .env"):
            stack.write_env_file()
    write("".join(f"{note}\n" for note in env_file.follow()))


def install(request: Request, *, assume_yes: bool) -> int:
    """Ask for what is missing, and run the steps. Return the exit status."""
    request.ask()
    steps = Steps(ROOT / "install_docker.log", total=9 if certificate.is_requested(request.environment) else 8)
    hint = (
        f" Nothing is lost.\n  To continue: {request.command}\n  To stop what is running already: docker compose stop"
    )
    return run(steps, partial(run_steps, request, steps, assume_yes=assume_yes), hint=hint)


def run_steps(request: Request, steps: Steps, undo: ExitStack, *, assume_yes: bool) -> int:
    """Check, ask, act, print the summary. Return the exit status. Services that ran before run afterwards."""
    with steps.check():
        secrets = check(request)
    stack = Stack(request, secrets, steps)
    write(report.server_plan(request) if stack.is_server else report.plan(request))
    if not assume_yes:
        confirm()
    steps.start_log()
    try:
        configure(stack)
        if before := services.running(steps):
            undo.callback(services.bring_back, before, steps)
        user_report = act(stack)
    except StepError as error:
        print_diagnosis(error, request, steps)
        return 1
    undo.pop_all()  # everything runs
    write((report.server_summary if stack.is_server else report.summary)(stack, user_report))
    write(report.notes(steps))
    return 0


def print_diagnosis(error: StepError, request: Request, steps: Steps) -> None:
    """Print the reason of a failed step, and hints."""
    stack = Stack(request, {}, steps)
    diagnosis = diagnose(
        error.output,
        command=request.command,
        is_server=stack.is_server,
        database_is_elsewhere=lambda: stack.database_is_elsewhere,
    )
    report_failure(error, diagnosis, steps.log)


def perform(arguments: Sequence[str]) -> None:
    """Do what the command line says; exit with its status."""
    request, options = parse(arguments)
    several = install_swarm.is_requested(request, swarm=options.swarm)
    raise SystemExit((install_swarm.install if several else install)(request, assume_yes=options.yes))


def main(arguments: Sequence[str]) -> int:
    """Install the project. Return the exit status."""
    return exit_status(partial(perform, arguments), interrupted="Interrupted, nothing was changed.")
