"""An install, deploy, rollback, rotation or restore interrupted at a seeded moment: afterwards every service runs.

Each run has another seed, and prints it. To repeat one, and to run more of them:
`INTERRUPTIONS_SEED=123 INTERRUPTIONS_SECONDS=3000 python -m pytest library/tests/system/stack/test_interruptions.py`
"""

import fcntl
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from bedplate.testing.checkout import ROOT
from bedplate.testing.compose import attempt, clean_environment, run, wait_until
from bedplate.testing.server import Server, running
from documents import commands_of

from stack.conftest import Report

pytestmark = [pytest.mark.stack, pytest.mark.slow]

SEED: Final = int(os.environ.get("INTERRUPTIONS_SEED") or random.randrange(10_000))
SECONDS: Final = float(os.environ.get("INTERRUPTIONS_SECONDS") or 60)  # time in which interruptions begin
LONGEST_WAIT: Final = 2.5  # seconds into a step
SIGNALS: Final = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGKILL)
# Interrupted commands, and how each announces its steps. A restore announces none: moments count from its start.
DEPLOY: Final = "./bedplate deploy --yes --no-backup"
COMMANDS: Final = {
    DEPLOY: [f"[{step}/9]" for step in range(2, 10)],
    "./bedplate deploy --yes --restart": [f"[{step}/6]" for step in range(2, 7)],
    "./bedplate deploy --yes --rollback": [f"[{step}/6]" for step in range(2, 7)],
    "./install_docker.sh --yes": [f"[{step}/9]" for step in range(2, 10)],
    "./bedplate rotate-secret --yes secret_key": [f"[{step}] " for step in range(2, 7)],
    "./bedplate rotate-secret --yes postgres_password": [f"[{step}] " for step in range(2, 7)],
    "./bedplate rotate-secret --yes valkey_url": [f"[{step}] " for step in range(2, 6)],
    "./bedplate rotate-secret --yes email_password --from secrets/secret_key": [f"[{step}] " for step in range(2, 4)],
    "./google_storage.sh -r latest --yes-replace prod": [""] * 6,
}


HOW_TO: Final = ROOT / "library/docs/how-to/deploy-and-roll-back.md"
# Services of a team: one of the release, and one whose image is not built here.
ADDED: Final = """
services:
  helper:
    image: ${REGISTRY:-}${COMPOSE_PROJECT_NAME}-helper:${RELEASE:-latest}
    build: { context: nginx, additional_contexts: { library: ./library } }
    entrypoint: [sleep, infinity]
    init: true
  added:
    image: valkey/valkey:9
    command: sleep infinity
    init: true
"""


@dataclass(frozen=True, kw_only=True)
class Interruption:
    """The command to end, when and how."""

    command: str
    step: str
    seconds: float
    number: signal.Signals
    again: bool  # Ctrl-C is pressed twice

    def __str__(self) -> str:
        """Return a description for a person."""
        return f"{self.command} {self.step}+{self.seconds:.1f} s {self.number.name}{' twice' * self.again}"


def interruptions(chosen: random.Random) -> Iterator[Interruption]:
    """Yield the last step of a deploy first, then every step of every command, in another order each time."""
    places = [(command, step) for command, steps in COMMANDS.items() for step in steps]
    while True:
        chosen.shuffle(places)
        for command, step in [(DEPLOY, "[9/9]"), *places]:
            number = chosen.choice(SIGNALS) if step != "[9/9]" else chosen.choice(SIGNALS[:3])
            again = number == signal.SIGINT and chosen.random() < 0.5
            seconds = chosen.uniform(0.2, LONGEST_WAIT if step else 8)
            yield Interruption(command=command, step=step, seconds=seconds, number=number, again=again)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a PROD with a backup, and with a previous release."""
    with running("prod", tmp_path_factory.mktemp("interruptions") / "site") as site:
        set_variable(site, "BACKUP_URL", "file:///data/backups")
        deploy(site)
        yield site


def set_variable(site: Server, key: str, value: str) -> None:
    """Write another value into `.env`."""
    dotenv = site.directory / ".env"
    dotenv.write_text(re.sub(rf"(?m)^{key}=.*$", f"{key}={value}", dotenv.read_text()))


def deploy(site: Server, *options: str) -> str:
    """Deploy; return the output."""
    result = attempt(site.directory / "bedplate", "deploy", "--yes", *options, directory=site.directory, limit=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_services_that_were_added(site: Server) -> None:
    """A deploy starts them. A rollback to a release without them keeps them, and says how to go forward again.

    A container left by `docker compose run web` is no service, and stays.
    """
    (site.directory / "added.yml").write_text(ADDED)
    set_variable(site, "COMPOSE_FILE", "prod.yml:added.yml")
    left = ("compose", "run", "--no-deps", "--no-TTY", "--name", f"{site.project}-left", "web", "false")
    assert attempt("docker", *left, directory=site.directory).returncode == 1
    deploy(site, "--no-backup")
    newest = site.dotenv["RELEASE"]
    assert not down(site)
    assert {"added", "helper"} <= site.containers().keys()
    assert f"./bedplate deploy --pull {newest}" in deploy(site, "--rollback")
    assert not down(site)
    _, shown = commands_of(HOW_TO, section="Roll back")
    assert re.search(rf"^{site.project}-web +{newest} ", run("bash", "-ec", shown), re.MULTILINE)
    deploy(site, "--no-backup", "--pull", newest)
    assert site.containers()["helper"]["Config"]["Image"] == f"{site.project}-helper:{newest}"
    assert run("docker", "inspect", "--format", "{{.State.ExitCode}}", f"{site.project}-left").strip() == "1"
    run("docker", "rm", f"{site.project}-left")


def interrupt(site: Server, what: Interruption, console: Path) -> int:
    """Run the command, end it, and return its exit status."""
    with console.open("w") as output:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {what.command}"],
            cwd=site.directory,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        wait_until(
            lambda: what.step in console.read_text() or process.poll() is not None, limit=240, what=f"{what} begins"
        )
        for pause in (what.seconds, 0.3) if what.again else (what.seconds,):
            try:
                process.wait(timeout=pause)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, what.number)
        return process.wait(timeout=400)


def wait_until_unlocked(site: Server) -> None:
    """Return when nothing runs any more: a killed command may still be ending its last step."""

    def is_free() -> bool:
        with (site.directory / "install_docker.sh").open() as script:
            fcntl.flock(script, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True

    wait_until(is_free, limit=240, what="nothing holds the lock")


def down(site: Server) -> set[str]:
    """Return the services of the Compose file that do not run, or are not healthy."""
    shown = site.compose("ps", "--format", "{{.Service}} {{.State}} {{.Health}}").splitlines()
    return set(site.compose("config", "--services").split()) - {
        line.split()[0] for line in shown if line.split()[1:] in (["running"], ["running", "healthy"])
    }


def test_every_service_runs_afterwards(site: Server, report: Report, tmp_path: Path) -> None:
    """However it ended: every service runs, the site answers, and nothing is left of an incomplete release."""
    users = site.query("select count(*) from users_user")
    console, made, ended = tmp_path / "console", 0, time.monotonic() + SECONDS
    for what in interruptions(random.Random(SEED)):
        if time.monotonic() > ended:
            break
        status = interrupt(site, what, console)
        wait_until_unlocked(site)
        details = f"seed {SEED}, number {made}: {what}, exit status {status}\n{console.read_text()}"
        wait_until(lambda: not down(site), limit=90, what=f"every service runs after {details}")
        wait_until(lambda: site.status("/health/ready") == 200, limit=30, what=f"the site answers; {details}")
        assert site.query("select count(*) from users_user") == users, details
        # The next deploy removes what a killed deploy leaves.
        if what.command.startswith("./bedplate deploy") and what.number != signal.SIGKILL:
            assert not (site.directory / ".env.release.new").exists(), details
        made += 1
    report(f"{made} interruptions, seed {SEED}: every service ran after each")
    assert made >= 1
    deploy(site)
    assert not down(site)
