"""The server is gone, its backups are encrypted: the how-to page, followed to the letter on an empty one."""

import json
import os
import re
from pathlib import Path
from typing import Final

import pytest
from bedplate.testing.checkout import ROOT, copy_checkout, free_port, unique_slug
from bedplate.testing.compose import run
from bedplate.testing.server import Server
from documents import commands_of
from pyrage import x25519

pytestmark = pytest.mark.stack

HOW_TO: Final = ROOT / "library/docs/how-to/backups.md"
CUSTOMER: Final = "customer@example.com"
PICTURE: Final = "/data/uploads/public/a portrait.txt"


def empty_server(directory: Path, project: str) -> Server:
    """Return PROD, not yet installed."""
    return Server(
        directory=copy_checkout(directory),
        project=project,
        port=free_port(),
        https_port=free_port(),
        environment="prod",
    )


def set_up(server: Server, backups: Path, recipient: str) -> None:
    """Install it, with encrypted backups in a folder of the machine, as "A folder on the server" has it."""
    server.install()
    mount = re.findall(r"^```yaml\n(.+?)^```$", HOW_TO.read_text(), re.MULTILINE | re.DOTALL)[0]
    (server.directory / "backups.yml").write_text(mount.replace("/srv/backups", str(backups)))
    os.chown(backups, int(server.dotenv.get("HOST_UID", "1000")), -1)
    dotenv = server.directory / ".env"
    values = {
        "COMPOSE_FILE": "prod.yml:backups.yml",
        "BACKUP_URL": backups.as_uri(),
        "BACKUP_AGE_RECIPIENTS": recipient,
    }
    text = dotenv.read_text()
    for name, value in values.items():
        text = re.sub(rf"(?m)^#? ?{name}=.*\n", "", text)
        text += f"{name}={value}\n"
    dotenv.write_text(text)


def assert_key_is_nowhere(server: Server, secret: str) -> None:
    """Assert that neither the folder, nor a container, nor its data holds the key."""
    files = [path for path in server.directory.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not [path for path in files if secret.encode() in path.read_bytes()]
    assert secret not in json.dumps(server.containers())
    found = "grep --recursive --files-with-matches --fixed-strings --file=- /data /run/secrets /tmp || true"
    for service in ("cron", "web"):
        command = ("docker", "compose", "exec", "--no-TTY", service, "sh", "-c", f"echo '{secret}' | {found}")
        assert run(*command, directory=server.directory) == ""


@pytest.mark.slow
def test_encrypted_production_comes_back_onto_an_empty_server(tmp_path: Path) -> None:
    """People, passwords and media of the old server are there; the key has left the new one; backups continue."""
    project, identity, backups = unique_slug(), x25519.Identity.generate(), tmp_path / "backups"
    backups.mkdir()
    old = empty_server(tmp_path / "old", project)
    try:
        set_up(old, backups, str(identity.to_public()))
        old.install()
        old.make_user(CUSTOMER, password="known-to-the-customer")
        old.exec("web", "sh", "-c", f"mkdir -p /data/uploads/public && echo smile >'{PICTURE}'")
        url = run("./google_storage.sh", "-b", directory=old.directory, limit=300).strip()
        key = run("./google_storage.sh", "--public-key", directory=old.directory)
        assert b"smile" not in b"".join(path.read_bytes() for path in backups.rglob("*") if path.is_file())
    finally:
        old.remove()

    new = empty_server(tmp_path / "new", project)
    try:
        with (new.directory / "web/config/backup_signers").open("a") as signers:
            signers.write(key)  # as it was committed when the old server was set up
        set_up(new, backups, str(identity.to_public()))
        (new.directory / "key.txt").write_text(str(identity))
        for commands in commands_of(HOW_TO, section="The server is gone, and its backups are encrypted"):
            said = run("bash", "-ec", commands.replace("URL", url), directory=new.directory, limit=300)
            assert url in said or "-l" not in commands
        visitor = new.visitor()
        assert visitor.log_in(CUSTOMER, "known-to-the-customer")
        assert new.get("/media/public/a%20portrait.txt").text == "smile\n"
        assert_key_is_nowhere(new, str(identity))
        listed = json.loads(run("./google_storage.sh", "-l", "--json", directory=new.directory))
        assert len(listed) == 3  # of the old server; of the empty site before the restore; of the restored site
        assert all(backup["encrypted"] for backup in listed)
    finally:
        new.remove()
