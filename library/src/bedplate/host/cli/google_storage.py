"""`./google_storage.sh`: pass the options to the backup system, in a one-off container or in embedded mode."""

import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from bedplate.host import ROOT, interpreters, lock
from bedplate.host.commands import docker
from bedplate.host.configuration import env_file
from bedplate.host.configuration.services import database_services
from bedplate.host.console import exit_status, say, write
from bedplate.host.embedded import google_storage as embedded
from bedplate.host.embedded.project import Project
from bedplate.host.errors import AbortError
from bedplate.host.programs import attempt, make_private_folder, output, run, run_to_its_end, services
from bedplate.host.swarm import machines, one_off, releases

ENV: Final = ROOT / ".env"
PORT: Final = "8765"

# Printed before the install; afterwards the backup system prints its own help with all options.
USAGE: Final = """\
Usage: ./google_storage.sh OPTION…

Backups of this project: database and media, in Google Cloud Storage or a folder (BACKUP_URL in .env).

  -a, --authenticate   give this machine access to the bucket
  -l, --list           list the backups of all environments, newest first
  -b, --backup         back up database and media
  -r, --restore URL    restore a backup: its URL, latest, or latest:ENVIRONMENT
  --undo               bring back the data that the last restore replaced
  --verify URL         verify a backup: restore an isolated copy, and compare
  --check              fail when the newest backup or verification is too old
  --check-bucket WHO   compare the account's rights with those of a server, pruning or person
  --prune              remove the backups that retention does not keep
  --public-key         print the line that lets other environments trust this one's backups
  --sign               print a signature of standard input, such as an archive
  --embedded           before one of these: for embedded mode, if the stack in Docker is installed, too
  -h, --help           this text; once ./install_docker.sh or ./install_embedded.sh has run, with every option

How to, and what to do at 3 a.m.: library/docs/how-to/backups.md
Exit status: 0 done, 1 failed, 2 invalid usage.
"""

OTHERS: Final = (
    *("--json", "--project", "--environment", "--identity-file", "--accept-unsigned", "--dry-run", "--scheduled", "-y"),
    *(
        "--yes",
        "--yes-replace",
        "--key-file",
        "--port",
        "--without-backup-first",
        "--forget-lost",
        "--forget-set-aside",
    ),
    *("--export", "--not-anonymised", "--forget-set-aside"),
)
KNOWN: Final = frozenset((*re.findall(r"(?<=[ ,])--?\w[\w-]*(?=[ ,])", USAGE), *OTHERS))
"""The options of the backup system, which is not installed here: a wrong one is invalid usage before an install too."""


@dataclass(frozen=True)
class Call:
    """The services, arguments and Docker options of a command's container."""

    services: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)

    def share(self, *volume: str) -> None:
        """Mount a folder or a file, once."""
        name = ":".join(volume)
        if name not in self.options:
            self.options.extend(("--volume", name))


def is_option(argument: str, letter: str, *names: str) -> bool:
    """Return whether the argument is an option with this letter, also in a group of letters, or begins with a name.

    -yr is -y -r, and --restore=latest is --restore latest.
    """
    return bool(re.match(rf"-(?!-).*{letter}", argument)) or argument.startswith(names)


def changes_data(argument: str) -> bool:
    """Return whether the argument replaces the data: a restore or --undo."""
    return is_option(argument, "r", "--restore") or argument == "--undo"


def needed_services(arguments: Sequence[str], databases: Callable[[], Sequence[str]]) -> list[str]:
    """Return the services that the command needs; `databases` returns those of this environment."""
    needed: list[str] = []
    for argument in arguments:
        if argument.startswith("--verify"):
            needed = ["verifier"]  # without the live server, which may be damaged or gone
        elif argument.startswith("--export"):
            needed = [*databases(), "verifier"]
        elif changes_data(argument) or re.match(r"-(?!-).*b", argument) or argument == "--backup":
            needed = [*databases()]
    return needed


def read_call(arguments: Sequence[str], settings: dict[str, str]) -> Call:
    """Return what the command needs. Raise AbortError for a missing file, and for a sign-in on a server."""
    call = Call(services=needed_services(arguments, lambda: database_services(services())))
    call.options.append("--quiet-pull")
    if not all(os.isatty(stream) for stream in range(3)):
        call.options.append("--no-TTY")
    port, before = PORT, ""
    for given in arguments:
        argument = given
        if before == "--port":
            port = given
        elif before == "--key-file":
            call.share(str(existing_file(given)), "/key.json", "ro")
            argument = "/key.json"
        share_folder(call, given)
        call.arguments.append(argument)
        before = given
    share_folder(call, settings.get("BACKUP_URL", ""))
    authenticates = any(argument in ("-a", "--authenticate") for argument in arguments)
    if is_server(settings):
        if authenticates:
            abort_authentication()
    else:
        share_credentials(call, settings)
    if authenticates:
        call.options.extend(("--publish", f"127.0.0.1:{port}:{port}"))
    return call


def is_server(settings: dict[str, str]) -> bool:
    """Return whether this folder is DEV or PROD."""
    return settings.get("COMPOSE_FILE", "").startswith(("dev.yml", "prod.yml"))


def abort_authentication() -> None:
    """Raise AbortError: a server's credentials are a secret, not a file in a user's home."""
    raise AbortError(
        "this folder is a server. Its credentials are the secret google_credentials, a key of a service account.",
        "Set it; it is tested before it is used: ./bedplate rotate-secret google_credentials --from key.json",
        "How to get one: library/docs/how-to/authenticate-google-storage.md",
    )


def share_folder(call: Call, argument: str) -> None:
    """Mount a folder that is given instead of a bucket, at the same path; the stack's volumes are below /data."""
    if argument.startswith("file:///") and not argument.startswith("file:///data/"):
        folder = argument.removeprefix("file://").partition("/v1/")[0]
        if Path(folder).is_dir():
            call.share(folder, folder)


def existing_file(name: str) -> Path:
    """Return the absolute path of the file. Raise AbortError if it does not exist."""
    file = Path(name).resolve()
    if not file.is_file():
        raise AbortError(f"There is no key file {name}.")
    return file


def share_credentials(call: Call, settings: dict[str, str]) -> None:
    """Mount the credentials of this project. They are outside of the checkout, in a private folder."""
    home = Path(os.environ.get("HOME") or "/root")
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "google_storage"
    folder /= settings.get("COMPOSE_PROJECT_NAME", "")
    make_private_folder(folder)
    call.share(str(folder), "/credentials")
    call.options.extend(("--env", "GOOGLE_CREDENTIALS=/credentials/credentials.json"))
    gcloud = Path(os.environ.get("CLOUDSDK_CONFIG") or home / ".config/gcloud")
    if gcloud.is_dir():
        call.share(str(gcloud), "/gcloud", "ro")
        call.options.extend(("--env", "CLOUDSDK_CONFIG=/gcloud"))


def in_docker(arguments: Sequence[str]) -> int:
    """Run the command in a one-off container, whether the stack runs or not. Return the exit status."""
    if not engine_answers():
        raise AbortError("Docker does not answer. Start it, then run this again.")
    if machines.are_several():
        return in_swarm(arguments)
    # A restore during an install or a deploy could replace the database by one that the code cannot use.
    if any(map(changes_data, arguments)) and not lock.take():
        raise AbortError(
            "an install, deploy, rotation or restore of this project is running.",
            "Wait until it ends and run this again. (A killed one may still be finishing its last step.)",
        )
    call = read_call(arguments, env_file.read(ENV))
    known, started = running(), []
    for service in call.services:
        if not running(service):
            run(docker.compose("up", "--detach", "--wait", "--quiet-pull", service), stdout=sys.stderr)
            started.append(service)
            known |= running(service)
    command = docker.compose("run", "--rm", "--no-deps", *call.options, "cron", "python", "-m", "bedplate.backup")
    status = run_to_its_end([*command, *call.arguments])
    # Meanwhile someone may have started the site, or another command that needs the same service.
    if started and running() <= known:
        run(docker.compose("stop", *started), stdout=sys.stderr)
    return status


def in_swarm(arguments: Sequence[str]) -> int:
    """Run the command in a container on one of the machines. Return the exit status."""
    if any(map(changes_data, arguments)) and not lock.take():
        raise AbortError("a deploy, rotation or restore of this project is running.", "Wait until it ends.")
    call = read_call(arguments, env_file.read(ENV))
    if "--volume" in call.options:
        raise AbortError(
            "on several machines a command sees no file and no folder of this one.",
            "Backups are in a bucket: BACKUP_URL=gs://…; a key goes into secrets/: ./bedplate rotate-secret",
        )
    if any("-" in (given, given.partition("=")[2]) for given in arguments):
        raise AbortError("on several machines a command has no standard input.", "Restore that backup on one machine.")
    with releases.locked() if any(map(changes_data, arguments)) else nullcontext():
        return one_off.run("cron", ["python", "-m", "bedplate.backup", *call.arguments], name="backup")


def engine_answers() -> bool:
    """Return whether a Docker engine answers."""
    return shutil.which("docker") is not None and attempt(["docker", "info"]).returncode == 0


def running(service: str | None = None) -> set[str]:
    """Return the ids of the running containers of one service, or of all."""
    return set(output(docker.running(service)).split())


def in_embedded_mode(arguments: Sequence[str]) -> None:
    """Replace this process with the backup system of embedded mode."""
    project = Project(ROOT)
    if not {"-h", "--help"} & set(arguments) or project.backup_environment.exists():
        interpreters.require(project.backup_environment)
    embedded.become(project, arguments)


def wants_early_help(arguments: Sequence[str]) -> bool:
    """Return whether help is requested, and the backup system is not installed to print its own."""
    if not {"-h", "--help"} & set(arguments):
        return False
    if ENV.exists() and arguments[0] != "--embedded":
        return not engine_answers()
    return not (ROOT / ".env.embedded").exists()


def with_identity(arguments: Sequence[str]) -> list[str]:
    """Return the arguments, with the file of --identity-file replaced by standard input.

    So the file is not mounted, and the container's user need not own it. Raise AbortError if it cannot be read.
    """
    option = "--identity-file"
    result: list[str] = []
    for argument in arguments:
        before = result[-1] if result else ""
        name = argument if before == option else argument.removeprefix(f"{option}=")
        if name not in (argument, "-") or (before == option and name != "-"):
            read_from(name)
            result.append("-" if before == option else f"{option}=-")
        else:
            result.append(argument)
    return result


def read_from(name: str) -> None:
    """Make the file standard input. Raise AbortError if it cannot be read."""
    file = Path(name)
    if not file.exists() or file.is_dir():
        raise AbortError(f"There is no identity file {name} that you may read.")
    try:
        os.dup2(os.open(file, os.O_RDONLY), 0)
    except OSError:
        raise AbortError(f"There is no identity file {name} that you may read.") from None


def require_known(arguments: Sequence[str]) -> None:
    """Exit with 2 without an option, or with an unknown one: the backup system reports what else is wrong."""
    options = [given.partition("=")[0] for given in arguments if given.startswith("-") and given != "-"]
    unknown = [name for name in options if name.startswith("--") and name not in KNOWN]
    unknown += [name[:2] for name in options if not name.startswith("--") and name[:2] not in KNOWN]
    if unknown or not options:
        problem = f"{unknown[0]} is no option" if unknown else "an option is missing"
        write(f"Error: {problem}. ./google_storage.sh --help lists them.\n", sys.stderr)
        raise SystemExit(2)


def perform(given: Sequence[str]) -> None:
    """Run the command; exit with its status."""
    if wants_early_help(given):
        say(USAGE, end="")
        return
    require_known(given)
    arguments = with_identity(given)
    if arguments[:1] == ["--embedded"]:
        in_embedded_mode(arguments[1:])
    elif ENV.exists():
        raise SystemExit(in_docker(arguments))
    elif (ROOT / ".env.embedded").exists():
        in_embedded_mode(arguments)
    else:
        also = ", or ./install_embedded.sh --setup-only" if (ROOT / "install_embedded.sh").exists() else ""
        raise AbortError("nothing is installed in this folder yet.", f"First run ./install_docker.sh{also}.")


def main(arguments: Sequence[str]) -> int:
    """Run a command of the backup system. Return the exit status."""
    return exit_status(partial(perform, arguments), interrupted="Interrupted.")
