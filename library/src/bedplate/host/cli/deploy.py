"""`./bedplate deploy`: replace the release that serves by the next one, without dropping a request."""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

from bedplate.host import ROOT
from bedplate.host.checks import folder, project
from bedplate.host.checks.docker import check_docker
from bedplate.host.checks.server import check_secrets
from bedplate.host.checks.server_in_use import check_runs, find_server
from bedplate.host.cli import deploy_swarm
from bedplate.host.cli.parsers import add_wait, add_yes, command_parser
from bedplate.host.configuration import env_file
from bedplate.host.configuration.secret_list import read_secrets
from bedplate.host.configuration.services import database_services, needed_by_web
from bedplate.host.console import exit_status, write
from bedplate.host.deploy import choice, report
from bedplate.host.deploy.choice import Choice
from bedplate.host.deploy.containers import Stack, has_image
from bedplate.host.deploy.release import CANDIDATE, TAG
from bedplate.host.deploy.sequence import DeploySteps
from bedplate.host.diagnosis import diagnose
from bedplate.host.errors import AbortError
from bedplate.host.install.report import notes
from bedplate.host.install.services import how_to_start, services_down, warn
from bedplate.host.programs import services
from bedplate.host.steps import StepError, Steps, confirm, report_failure, run
from bedplate.host.swarm import machines

COMMAND: Final = "./bedplate deploy"
USAGE: Final = """\
./bedplate deploy [--pull TAG] [--no-backup] [--wait SECONDS] [--yes]
       ./bedplate deploy --rollback [--wait SECONDS] [--yes]
       ./bedplate deploy --restart [--wait SECONDS] [--yes]"""
DESCRIPTION: Final = """\
Replaces the release that serves by the next one, on a server that ./install_docker.sh has set up. No request
is dropped, except in the second that the replacement of a changed nginx takes.

First it checks, and changes nothing. Then it
  builds the images from this folder as it is, or pulls them,
  backs up, publishes the static files, migrates the database,
  starts added services, then the new web beside the old one, waits until it is healthy, sends requests to it,
  replaces the other services that are built here (celery finishes its tasks, or requeues them),
  and only when all of them are healthy writes the release into .env, and stops the old web.

If anything fails before that, also by Ctrl-C or a lost ssh connection, all services of the old release keep running,
new containers are removed, and it prints the reason. After a kill or a crash, run it again: it cleans up first.
"""
EPILOG: Final = """\
All commands and their output are in deploy.log.
How to, and troubleshooting: library/docs/how-to/deploy-and-roll-back.md
Exit status: 0 deployed, 1 failed (with the reason), 2 invalid usage, 130 interrupted.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options. Exit with 2 if they are invalid, or exclude each other."""
    parser = command_parser(COMMAND, DESCRIPTION, EPILOG, USAGE)
    parser.add_argument(
        "--pull",
        type=tag,
        metavar="TAG",
        help="the release with this tag, built elsewhere, from REGISTRY in .env; existing images are not pulled",
    )
    parser.add_argument(
        "--rollback",
        action="store_true",
        help="back to the previous release; the database stays as it is. Forward again: --pull TAG",
    )
    parser.add_argument(
        "--restart",
        action="store_true",
        help="the running release, in new containers: after a change in .env or secrets/",
    )
    parser.add_argument("--no-backup", action="store_true", help="do not back up first")
    add_wait(parser)
    add_yes(parser)
    options = parser.parse_args(arguments)
    if options.rollback and (options.pull or options.restart):
        parser.error("--rollback goes to the previous release: it takes no --pull, no --restart.")
    if options.restart and options.pull:
        parser.error("--restart is for the running release: it takes no --pull.")
    return options


def tag(text: str) -> str:
    """Return the tag. Raise ArgumentTypeError if an image cannot have it."""
    if not TAG.fullmatch(text):
        raise argparse.ArgumentTypeError(f"needs the tag of a release, not '{text}'.")
    return text


def check(options: argparse.Namespace, steps: Steps) -> DeploySteps:
    """Return the deploy after all checks. Raise AbortError if it cannot succeed."""
    check_docker()
    folder.take_lock()
    folder.check_owner()
    environment = find_server("its .env names neither dev.yml nor prod.yml.", choice.LOCAL_HINT)
    if not env_file.get("RELEASE"):
        raise AbortError(
            ".env does not say which release runs: RELEASE is missing or empty.",
            "See: docker compose images web; then write its tag into .env: RELEASE=TAG",
        )
    write("".join(f"{note}\n" for note in env_file.follow()))
    os.environ.pop("DOTENV", None)
    secrets = read_secrets(environment)
    check_secrets(secrets)
    check_runs(*needed_by_web(services()), "nginx")
    deployment = choice.choose(
        environment,
        Choice(
            pull=options.pull or "",
            rollback=options.rollback,
            restart=options.restart,
            backup=not options.no_backup,
            wait=options.wait,
        ),
    )
    project.check_disk(env_file.get("COMPOSE_PROJECT_NAME"), env_file.get("RELEASE"))
    return DeploySteps(deployment, secrets, Stack(deployment, steps), steps)


def act(deploy: DeploySteps) -> None:
    """Run the steps. `.env` names the release that serves: until the last step, the old one."""
    deployment = deploy.deployment
    sequence: list[tuple[str, Callable[[], None]]] = [
        ("Clean up and fix requests to the old web", deploy.hold_requests)
    ]
    if deployment.restart:
        sequence += [("Name the images", deploy.name_images)]
    elif deployment.builds:
        sequence += [
            ("Pull the images" if deployment.pull else "Build the images", deploy.get_images),
            ("Back up", deploy.back_up),
            ("Migrate the database", deploy.migrate),
        ]
    if not deployment.restart:
        sequence += [("Publish the static files", deploy.publish_static_files)]
    sequence += [
        ("Start the new web beside the old", deploy.start_beside),
        ("Send requests to it", deploy.switch_to_new),
        ("Replace the other services, stop the old web", deploy.replace_the_others),
    ]
    for title, action in sequence:
        with deploy.steps.step(title):
            action()


def run_steps(options: argparse.Namespace, steps: Steps, undo: ExitStack) -> int:
    """Check, ask, act, print the summary. Return the exit status. After any failure, the old release serves."""
    started = time.monotonic()
    with steps.check():
        deploy = check(options, steps)
    write(report.plan(deploy))
    if not options.yes:
        confirm()
    steps.start_log()
    undo.callback(go_back, deploy)
    deploy.deployment.write_candidate()
    try:
        act(deploy)
    except StepError as error:
        print_diagnosis(error, steps)
        return 1
    undo.pop_all()
    write(report.summary(deploy, seconds=int(time.monotonic() - started)))
    write(notes(steps))
    return 0


def print_diagnosis(error: StepError, steps: Steps) -> None:
    """Print the reason of a failed step, and hints."""
    diagnosis = diagnose(error.output, command=COMMAND, is_server=True, database_is_elsewhere=is_database_elsewhere)
    report_failure(error, diagnosis, steps.log)


def is_database_elsewhere() -> bool:
    """Return whether the database is a server of another owner."""
    return not database_services(services())


def go_back(deploy: DeploySteps) -> None:
    """Undo the deploy, whatever its state; print the services that do not run."""
    steps = deploy.steps
    warn(f"\nGoing back to the release {env_file.get('RELEASE')} … ")
    steps.say(f"\n== [{time.strftime('%H:%M:%S')}] Going back")
    last_step, steps.title = steps.number == steps.total, ""
    try:
        deploy.undo(last_step=last_step)
    except Exception as error:  # of whatever kind: what is left to do is named
        steps.say(str(error))
        warn(f"failed: see {steps.log}. To do: docker compose up --detach --wait\n")
    else:
        (ROOT / CANDIDATE).unlink(missing_ok=True)
        warn("done.\n")
    try:
        down = services_down(deploy.stack.services_now(), steps, has_image=has_image)
    except Exception as error:  # of whatever kind: what is left to do is named
        steps.say(str(error))
        return
    if down:
        warn(how_to_start(down))


def perform(options: argparse.Namespace) -> None:
    """Run the command line; exit with its status."""
    if machines.are_several():
        deploy_swarm.perform(options)
    steps = Steps(ROOT / "deploy.log", total=6 if options.rollback or options.restart else 9)
    raise SystemExit(run(steps, partial(run_steps, options, steps)))


def main(arguments: Sequence[str]) -> int:
    """Deploy. Return the exit status."""
    return exit_status(partial(perform, parse(arguments)), interrupted="Interrupted, nothing was changed.")
