"""`./bedplate deploy` on several machines: the release is deployed to the swarm."""

import argparse
import json
import os
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from bedplate.host import ROOT
from bedplate.host.checks import folder
from bedplate.host.checks.docker import check_docker
from bedplate.host.checks.server import check_secrets
from bedplate.host.checks.server_in_use import find_server
from bedplate.host.commands.docker import compose
from bedplate.host.configuration import env_file
from bedplate.host.configuration.secret_list import read_secrets
from bedplate.host.console import write
from bedplate.host.deploy import choice
from bedplate.host.deploy.choice import Choice
from bedplate.host.deploy.release import RESTART
from bedplate.host.deploy.report import state_of_git
from bedplate.host.diagnosis import diagnose
from bedplate.host.errors import AbortError
from bedplate.host.install.services import warn
from bedplate.host.programs import output
from bedplate.host.steps import StepError, Steps, confirm, report_failure, run
from bedplate.host.swarm import limits, machines, outside, releases, tasks, versions
from bedplate.host.swarm.machines import Machine
from bedplate.host.swarm.sequence import SwarmSteps

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND: Final = "./bedplate deploy"


def perform(options: argparse.Namespace) -> None:
    """Run the command line; exit with its status."""
    steps = Steps(ROOT / "deploy.log", total=count_steps(options))
    raise SystemExit(run(steps, partial(run_steps, options, steps)))


def count_steps(options: argparse.Namespace) -> int:
    """Return the number of steps: the check, and those of `act`."""
    numbers = {"rollback": 4, "restart": 4 if env_file.get("MEDIA_URL") else 3}
    return next((number for name, number in numbers.items() if vars(options)[name]), 6)


def check(options: argparse.Namespace, steps: Steps) -> tuple[SwarmSteps, list[Machine]]:
    """Return the deploy and the machines after all checks. Raise AbortError if it cannot succeed."""
    check_docker()
    folder.take_lock()
    folder.check_owner()
    environment = find_server("its .env names no prod.yml.", choice.LOCAL_HINT)
    write("".join(f"{note}\n" for note in env_file.follow()))
    for name in ("DOTENV", "MAINTENANCE"):  # .env has them, not a shell
        os.environ.pop(name, None)
    found = machines.check_swarm()
    if not env_file.get("REGISTRY"):
        raise AbortError(
            "REGISTRY in .env is empty: the other machines could not get the images.",
            f"Set it, with a slash at its end: REGISTRY=registry.example.com/team/ ({machines.HOW_TO})",
        )
    secrets = read_secrets(environment)
    check_secrets(secrets)
    versions.check_sizes(secrets)
    config = json.loads(output(compose("config", "--format", "json")))
    limits.check(config, env_file.get("COMPOSE_PROJECT_NAME"))
    outside.check_services(secrets)
    wanted = Choice(
        pull=options.pull or "",
        rollback=options.rollback,
        restart=options.restart,
        backup=not options.no_backup,
        wait=options.wait,
    )
    deployment = choice.next_deployment(environment, wanted)
    choice.check_is_another(deployment)
    deploy = SwarmSteps(deployment, secrets, steps)
    check_release(deploy)
    if deploy.previous:
        choice.check_backup(deployment)
    else:
        deploy.deployment = replace(deployment, earlier="")
    if deployment.rollback and not releases.find(deployment.new):
        known = (
            f"the swarm does not know the release {deployment.new}" if deployment.new else "this is the first release"
        )
        raise AbortError(f"there is nothing to go back to: {known}.", "Check that version out, and deploy it.")
    if deployment.restart and not deploy.previous:
        raise AbortError("nothing is deployed yet.", f"First: {COMMAND}")
    return deploy, found


def check_release(deploy: SwarmSteps) -> None:
    """Raise AbortError if this folder's `.env` is not of the release that the swarm runs.

    After a deploy that was killed, services may be of its release: then a failure of this one brings them back, too.
    """
    serves, known = tasks.release_of(f"{deploy.project}_web"), deploy.deployment.old
    if serves == known and not deploy.previous:
        raise AbortError(
            f"the release {known} serves, but the swarm has no copy of its stack: there would be no way back.",
            "To deploy all the same, as the first time: ./google_storage.sh -b on one machine, RELEASE= in .env",
        )
    if serves not in ("", known):
        if releases.find(serves):
            raise AbortError(
                f"the swarm runs the release {serves}; for the .env of this folder it is {known or 'none'}.",
                "Another folder has deployed since. Deploy there, or copy its .env and secrets/ to this one.",
            )
        deploy.replacing = True


def act(deploy: SwarmSteps) -> None:
    """Run the steps."""
    deployment = deploy.deployment
    sequence: list[tuple[str, Callable[[], None]]] = []
    if deployment.builds:
        sequence += [
            ("Pull the images" if deployment.pull else "Build and push the images", deploy.get_images),
            ("Back up", deploy.back_up),
            ("Migrate the database", deploy.migrate),
        ]
    else:
        sequence += [("Find the images", deploy.get_images)]
        if deployment.restart and env_file.get("MEDIA_URL"):
            sequence += [("Check the bucket of uploads", deploy.check_uploads)]
    if not deployment.restart:
        sequence += [("Publish the static files on each machine", deploy.publish_static_files)]
    sequence += [("Replace the services", deploy.replace)]
    for title, action in sequence:
        with deploy.steps.step(title):
            action()


def run_steps(options: argparse.Namespace, steps: Steps, undo: ExitStack) -> int:
    """Check, ask, act, print the summary. Return the exit status. After any failure, the old release serves."""
    started = time.monotonic()
    with steps.check():
        deploy, found = check(options, steps)
    write(plan(deploy, found))
    if not options.yes:
        confirm()
    undo.enter_context(releases.locked())
    check_release(deploy)
    steps.start_log()
    undo.callback(go_back, deploy)
    deploy.deployment.write_candidate()
    try:
        act(deploy)
    except StepError as error:
        diagnosis = diagnose(error.output, command=COMMAND, is_server=True, database_is_elsewhere=lambda: True)
        logs = f"docker service logs {deploy.project}_SERVICE"
        report_failure(error, [line.replace("docker compose logs SERVICE", logs) for line in diagnosis], steps.log)
        return 1
    write(summary(deploy, seconds=int(time.monotonic() - started)))
    return 0


def go_back(deploy: SwarmSteps) -> None:
    """Undo a deploy that did not get to its end."""
    if deploy.done:
        return
    steps, remove = deploy.steps, f"docker stack rm {deploy.project}"
    warn(f"\nGoing back to the release {env_file.get('RELEASE')} … " if deploy.previous else "\n")
    steps.title = ""
    steps.say(f"\n== [{time.strftime('%H:%M:%S')}] Going back")
    try:
        deploy.go_back()
    except Exception as error:  # of whatever kind: what is left to do is named
        steps.say(str(error), getattr(error, "output", ""))
        warn(f"failed: see {steps.log}. What runs: docker stack ps {deploy.project}. To do: {COMMAND} --restart\n")
        return
    nothing = f"Nothing served before. What was begun stays until the next deploy, or: {remove}\n"
    warn("done.\n" if deploy.previous else nothing)


def plan(deploy: SwarmSteps, found: list[Machine]) -> str:
    """Return the plan of the deploy."""
    deployment = deploy.deployment
    source = f"this folder{state_of_git()}"
    if deployment.pull:
        source = f"images with this tag in {env_file.get('REGISTRY')}"
    elif not deployment.builds:
        source = "images that were deployed before"
    away = [each.name for each in found if not (each.ready and each.takes_tasks)]
    text = f"""
  Environment  {deployment.environment.label}, on {len(found)} machine{"s" if len(found) > 1 else ""}
  Folder       {ROOT}
  Now          {deployment.old if deploy.previous else "nothing"}
  Then         {deployment.new}, from {source}
  Backup       {"first" if deployment.backup and deployment.builds and deploy.previous else "none"}

"""
    return text + (f"  Note: away or drained: {', '.join(away)}.\n\n" if away else "")


def summary(deploy: SwarmSteps, *, seconds: int) -> str:
    """Return the new release, and how to go back."""
    deployment = deploy.deployment
    text = f"\n{deployment.new} serves, after {seconds} s.\n"
    if deployment.rollback:
        text += f"To go forward again: {COMMAND} --pull {RESTART.sub('', deployment.old)}\n"
    elif not deployment.restart and deploy.previous:
        text += f"To go back to {deployment.old}: {COMMAND} --rollback\n"
    return text
