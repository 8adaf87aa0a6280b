"""From one machine to three with the data, and back, as the how-to says."""

import json
from pathlib import Path

import pytest
from bedplate.testing.compose import run
from bedplate.testing.server import Server
from bedplate.testing.visitor import Visitor
from documents import commands_of

from stack.bucket import restart, set_variables
from stack.swarm.site import HOW_TO, Site
from stack.test_media import SECRET, upload

pytestmark = [pytest.mark.stack, pytest.mark.slow]

KEPT = ("secret_key", "backup_signing_key")


@pytest.mark.parametrize("server", ["prod"], indirect=True, scope="session")
def test_data_move_to_three_machines_and_back(swarm: Site, server: Server, customer: Visitor) -> None:
    """Users stay logged in, and find what they uploaded before. The two have other names here."""
    earlier, folder = upload(customer, "earlier.txt"), server.directory / "secrets"
    address, key = server.dotenv["BACKUP_URL"], (folder / "google_credentials").read_text()
    try:
        backups = {"BACKUP_URL": swarm.storage.store.make_bucket(), "STORAGE_EMULATOR_HOST": swarm.storage.url}
        (folder / "google_credentials").write_text(json.dumps(swarm.storage.issuer.new_key()))
        set_variables(server, **backups)
        restart(server)
        back_up, reopen = commands_of(HOW_TO, section="From one machine, and back")
        backup = address_in(run("bash", "-ec", back_up, directory=server.directory, limit=300))

        for name in KEPT:
            swarm.write_secret(name, (folder / name).read_text())
        swarm.set_variables(**backups)
        trusts = f"RUN echo '{signer(server.directory)}' >>config/backup_signers"
        swarm.deploy("--pull", swarm.push("trusts", {"cron": trusts}), "--no-backup")
        swarm.follow("./google_storage.sh", "-r", backup, "--project", server.project, "--yes-replace", "prod")
        moved = swarm.visitor()
        moved.cookies[f"{swarm.project}_session"] = customer.cookies[f"{server.project}_session"].value
        assert moved.ask(earlier)[2] == SECRET
        later = upload(moved, "later.txt")

        backup = address_in(swarm.follow("./google_storage.sh", "-b"))
        with (server.directory / "web/config/backup_signers").open("a") as signers:
            signers.write(signer(server.directory).replace(server.project, swarm.project) + "\n")
        server.follow("./bedplate deploy --no-backup --yes")
        server.follow(f"./google_storage.sh -r {backup} --project {swarm.project} --yes-replace prod")
        server.follow(reopen)
        assert [customer.ask(address)[2] for address in (earlier, later)] == [SECRET, SECRET]
    finally:
        set_variables(server, BACKUP_URL=address, STORAGE_EMULATOR_HOST="")
        (folder / "google_credentials").write_text(key)
        restart(server)


def address_in(printed: str) -> str:
    """Return the address of the backup that was made."""
    return next(word.strip(".,:") for word in printed.split() if word.startswith("gs://"))


def signer(directory: Path) -> str:
    """Return the line that names this server's key."""
    return run(directory / "google_storage.sh", "--public-key", directory=directory).strip()
