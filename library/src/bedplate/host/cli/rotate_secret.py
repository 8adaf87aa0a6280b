"""`./bedplate rotate-secret`: replace a secret of a server."""

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import partial
from typing import Final

from bedplate.host import ROOT
from bedplate.host.checks import folder
from bedplate.host.checks.docker import check_docker
from bedplate.host.checks.server import check_secrets
from bedplate.host.checks.server_in_use import check_runs, find_server
from bedplate.host.cli.parsers import add_wait, add_yes, command_parser
from bedplate.host.configuration import env_file, services
from bedplate.host.configuration.environment import Environment
from bedplate.host.configuration.secret_list import FOLDER, POSTGRES, read_secrets
from bedplate.host.console import exit_status, write
from bedplate.host.deploy.containers import has_image
from bedplate.host.diagnosis import diagnose
from bedplate.host.errors import AbortError
from bedplate.host.install.services import how_to_start, services_down, warn
from bedplate.host.rotation import checks
from bedplate.host.rotation.files import SecretFiles
from bedplate.host.rotation.sequence import Rotation
from bedplate.host.secrets_folder import SecretsFolder
from bedplate.host.steps import StepError, Steps, confirm, report_failure, run
from bedplate.host.swarm import machines, one_off, outside
from bedplate.host.swarm.rotation import SwarmRotation

STEP_END_TIMEOUT: Final = 300  # seconds: an interrupted restart goes back to the earlier containers
USAGE: Final = """\
./bedplate rotate-secret NAME [--from FILE] [--wait SECONDS] [--yes]
       ./bedplate rotate-secret secret_key --forget-previous [--wait SECONDS] [--yes]"""
DESCRIPTION: Final = """\
Replaces the secret in secrets/NAME, on a server that ./install_docker.sh has set up, while the site is open.

Generated here, unless --from gives one:
  secret_key             all users stay logged in: the previous key stays valid for existing signatures
  postgres_password      also changed in PostgreSQL
  default_user_password  also changed for the first user on the site
  valkey_url, cache_url  the URL of the queue or the cache, with a new password; or of a server elsewhere
  metrics_token          give the new one to Prometheus
  dev_password           DEV's basic auth; nginx is down for about a second
  backup_signing_key     signs backups; afterwards commit its public key (./google_storage.sh --public-key)
Created elsewhere, so --from must give it:
  email_password         PROD's, at the SMTP server
  sentry_dsn             where errors are sent
  media_credentials      the key of the account of uploads in a bucket; it is tried before it is used
  google_credentials     a service account's key; it must give access before it is used
  backup_age_identity    DEV's, to read encrypted backups
Other secrets below `secrets:` in dev.yml or prod.yml: with x-length they are generated here; readers are replaced.

The previous secret stays valid until the new one works. After a failure or Ctrl-C, the secret in secrets/ works, and
the command says whether to run it again.
"""
EPILOG: Final = """\
All commands and their output are in rotate_secret.log (never a secret).
How to, and troubleshooting: library/docs/how-to/rotate-a-secret.md
Exit status: 0 done, 1 failed (with the reason), 2 invalid usage, 130 interrupted.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options. Exit with 2 if they are invalid, missing, or exclude each other."""
    parser = command_parser("./bedplate rotate-secret", DESCRIPTION, EPILOG, USAGE)
    parser.add_argument("names", nargs="*", metavar="NAME", help="the secret: the name of its file in secrets/")
    parser.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        default="",
        help="the file with the new secret; - is standard input",
    )
    parser.add_argument(
        "--forget-previous",
        action="store_true",
        help="reject signatures of an earlier secret_key: after a leak, or weeks after a rotation",
    )
    add_wait(parser)
    add_yes(parser)
    options = parser.parse_args(arguments)
    if not options.names:
        parser.error("Which secret? Give its name.")
    if len(options.names) > 1:
        parser.error(f"One secret at a time: {options.names[0]}, or {options.names[1]}.")
    (options.name,) = options.names
    if options.forget_previous and options.name != "secret_key":
        parser.error("--forget-previous is for secret_key.")
    if options.forget_previous and options.source:
        parser.error("--forget-previous makes no new secret: it takes no --from.")
    return options


def command_of(options: argparse.Namespace) -> str:
    """Return the command that completes the rotation."""
    forget = " --forget-previous" if options.forget_previous else ""
    source = f" --from {options.source}" if options.source else ""
    return f"./bedplate rotate-secret {options.name}{forget}{source}"


def check(options: argparse.Namespace, steps: Steps) -> tuple[Rotation, Environment, str]:
    """Return the rotation, the environment, and the secret of --from. Raise AbortError if it cannot succeed."""
    check_docker()
    folder.take_lock()
    folder.check_owner()
    environment = find_server(
        "its secrets are in .env.",
        "Change them there (library/docs/how-to/rotate-a-secret.md explains the database), "
        "then: docker compose up --detach",
    )
    write("".join(f"{note}\n" for note in env_file.follow()))
    secrets = read_secrets(environment)
    check_secrets(secrets)
    name, source, command = options.name, options.source, command_of(options)
    secret = checks.find_secret(name, secrets, environment, given=bool(source), command=command)
    new = checks.read_new(source, secret) if source else ""
    files = SecretFiles(secret, SecretsFolder(secrets=secrets, environment=environment))
    several = machines.are_several()
    rotation = (SwarmRotation if several else Rotation)(files, secrets, steps, options.wait)
    if several:
        one_off.running_stack()
        if not source and outside.host_is_gone(secret.form):
            raise AbortError(
                f"secrets/{name} is the address of a server elsewhere: its password is changed there.",
                f"Then, with the whole address in FILE: ./bedplate rotate-secret {name} --from FILE",
            )
    else:
        check_runs(*services.needed_by_web(rotation.services), "nginx", "web")
    # While a server accepts clients without a password, its running clients have none.
    if rotation.has_list and (without := rotation.passwords.without_list()):
        raise AbortError(
            f"{' '.join(without)}: asks for no password yet, as a deploy was not completed.", "First: ./bedplate deploy"
        )
    if name == "backup_signing_key":
        checks.check_is_published()
    return rotation, environment, new


def plan(rotation: Rotation, environment: Environment, *, forget: bool) -> str:
    """Return the plan of the rotation."""
    what = f"{rotation.name}: a new one"
    if forget:
        what = f"{rotation.name}: earlier ones are forgotten; users who were not here since the rotation log in again"
    elif rotation.files.next.exists() and rotation.files.next.stat().st_size:
        what += " (completes an interrupted run)"
    return f"""
  Environment  {environment.label}
  Folder       {ROOT}
  Secret       {what}

"""


def act(rotation: Rotation, new: str, *, forget: bool) -> None:
    """Run the steps."""
    if not forget:
        rotation.files.keep_next(new)
    for title, action in rotation.actions_to_forget() if forget else rotation.actions():
        with rotation.steps.step(title):
            action()
    if not forget:
        rotation.files.next.unlink(missing_ok=True)
        rotation.files.previous.unlink(missing_ok=True)


def summary(rotation: Rotation, *, forget: bool, duration: int) -> str:
    """Return the result, and what is left to do."""
    name = rotation.name
    text = f"\nDone, after {duration} s: secrets/{name}. Keep a copy of secrets/ away from this machine.\n"
    if name == "secret_key" and not forget:
        text += (
            "What the previous key signed is still accepted. "
            "After a leak, now: ./bedplate rotate-secret secret_key --forget-previous\n"
        )
    if name == "email_password" and not machines.are_several():
        text += "Try it: docker compose exec web python manage.py sendtestemail --admins\n"
    if name == "google_credentials":
        if not env_file.get("BACKUP_URL"):
            text += "BACKUP_URL in .env is empty: their access was not tested.\n"
        text += "Now delete the old key, where it was made: library/docs/how-to/authenticate-google-storage.md\n"
    return text


def run_steps(options: argparse.Namespace, steps: Steps, undo: ExitStack) -> int:
    """Check, ask, act, print the summary. Return the exit status. The secret in secrets/ works afterwards."""
    started, forget = time.monotonic(), options.forget_previous
    with steps.check():
        rotation, environment, new = check(options, steps)
    write(plan(rotation, environment, forget=forget))
    if not options.yes:
        confirm()
    steps.start_log()
    undo.callback(clean_up, rotation, command_of(options), forget=forget)
    try:
        act(rotation, new, forget=forget)
    except StepError as error:
        print_diagnosis(error, rotation, command_of(options))
        return 1
    undo.pop_all()
    write(summary(rotation, forget=forget, duration=int(time.monotonic() - started)))
    return 0


def print_diagnosis(error: StepError, rotation: Rotation, command: str) -> None:
    """Print the reason of a failed step, and hints."""
    diagnosis = diagnose(
        error.output,
        command=command,
        is_server=True,
        database_is_elsewhere=lambda: machines.are_several() or not services.database_services(rotation.services),
    )
    report_failure(error, diagnosis, rotation.steps.log)


def clean_up(rotation: Rotation, command: str, *, forget: bool) -> None:
    """Complete or undo an interrupted rotation in secrets/; make the running services use the result."""
    files, steps = rotation.files, rotation.steps
    for unfinished in (files.unfinished, FOLDER / f".{POSTGRES}.next"):
        unfinished.unlink(missing_ok=True)
    if forget or (files.has_lines and files.is_in_use()):
        warn(f"\nWhat is in secrets/ works; the rotation is not complete. To complete it: {command}\n")
    else:
        if files.previous.exists():  # without one, nothing was touched: the disk was full, perhaps
            files.previous.replace(files.current)
        files.next.unlink(missing_ok=True)
        warn(f"\nThe previous {rotation.name} is in force, as before.\n")
    steps.title = ""
    steps.say(f"\n== [{time.strftime('%H:%M:%S')}] Bringing back the services")
    try:
        rotation.bring_back_what_runs()
    except Exception as error:  # of whatever kind: what is left to do is named
        steps.say(str(error))
    with suppress(Exception):
        if not machines.are_several() and (down := services_down(rotation.services, steps, has_image=has_image)):
            warn(how_to_start(down))


def perform(options: argparse.Namespace) -> None:
    """Run the command line; exit with its status."""
    steps = Steps(ROOT / "rotate_secret.log", end_timeout=STEP_END_TIMEOUT)
    raise SystemExit(run(steps, partial(run_steps, options, steps)))


def main(arguments: Sequence[str]) -> int:
    """Rotate a secret. Return the exit status."""
    return exit_status(partial(perform, parse(arguments)), interrupted="Interrupted, nothing was changed.")
