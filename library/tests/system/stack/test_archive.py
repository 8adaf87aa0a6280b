"""An archive of a project with data, used to the letter by its recipient: another stack, in an empty folder."""

import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from bedplate.testing.browser import log_in
from bedplate.testing.checkout import ROOT, committed, free_port, unique_slug
from bedplate.testing.compose import Stack, attempt, run
from documents import calls_of, commands_of
from packing import is_secret, unpack
from playwright.sync_api import Playwright

pytestmark = pytest.mark.stack

# As in the how-to page: into acme.zip, beside the project.
HAND_OVER = ROOT / "library/docs/how-to/hand-over.md"
_, WITH_DATA = calls_of(commands_of(HAND_OVER)[0], "./bedplate archive")
# Random in each run: the archive holds this file too, which must not contain what is searched for.
PERSON = f"konrad{secrets.token_hex(4)}"
CUSTOMER = f"{PERSON}@customer.example"
PASSWORD = secrets.token_urlsafe(12)
LETTER = "/data/uploads/letters/a letter, 100% für Dich.txt"


@dataclass(frozen=True)
class HandedOver:
    """A stack made from archives of another one."""

    source: Stack
    stack: Stack
    anonymised: Path
    media: Path

    def follow(self, section: str, *, document: Path | None = None, **variables: str) -> str:
        """Run the commands of a section of HAND_OVER.md."""
        folder = self.stack.directory
        commands = commands_of(document or folder / "HAND_OVER.md", section=section)
        assert commands
        script = "".join(commands)
        return run("bash", "-euo", "pipefail", "-c", script, directory=folder, limit=900, variables=variables)


def create_archive(source: Stack, *options: str | Path) -> str:
    """Return the output of `./bedplate archive`."""
    result = attempt(source.directory / "bedplate", "archive", *options, directory=source.directory, limit=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


@pytest.fixture(scope="module")
def handed_over(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HandedOver]:
    """Yield a stack made as HAND_OVER.md says, from the archive of one with a customer and a letter."""
    folder = tmp_path_factory.mktemp("handed over")
    stack.make_user(CUSTOMER, password=PASSWORD)
    stack.exec("web", "sh", "-c", f"mkdir -p /data/uploads/letters && echo 'Dear {PERSON}' >'{LETTER}'")
    anonymised, media = stack.directory.parent / "acme.zip", folder / "media.zip"
    with committed(stack.directory):
        said = create_archive(stack, *WITH_DATA)
        personal = ("--not-anonymised", "--yes-personal-data", stack.project)
        create_archive(stack, "--yes", "--output", media, "--no-database", "--media", *personal)
    assert re.search(r"\b\d+ media files were left out", said)
    directory = unpack(anonymised, folder / "anonymised")
    new = Stack(directory=directory, project=unique_slug(), port=free_port())
    made = HandedOver(source=stack, stack=new, anonymised=anonymised, media=media)
    try:
        made.follow("Build and run", COMPOSE_PROJECT_NAME=new.project, HTTP_PORT=str(new.port))
        made.follow("Restore the database")
        yield made
    finally:
        new.remove()


def test_recipient_can_verify_who_made_it(handed_over: HandedOver, tmp_path: Path) -> None:
    """The line that the source prints and the command of the how-to page verify it; a changed archive does not pass."""
    source, archive = handed_over.source, handed_over.anonymised
    (tmp_path / "signers").write_text(run("./google_storage.sh", "--public-key", directory=source.directory))
    (command,) = re.findall(r"`(ssh-keygen .+?)`", HAND_OVER.read_text())
    command = command.replace("SLUG/ENVIRONMENT", f"{source.project}/local")
    for name in (archive.name, f"{archive.name}.sig"):
        shutil.copy(archive.with_name(name), tmp_path)
    run("bash", "-ec", command, directory=tmp_path)
    with (tmp_path / archive.name).open("ab") as changed:
        changed.write(b"\0")
    assert attempt("bash", "-ec", command, directory=tmp_path).returncode != 0


def test_its_site_shows_anonymized_data(handed_over: HandedOver, playwright: Playwright) -> None:
    """The user made by the install logs in, and sees pseudonyms instead of the people."""
    stack = handed_over.stack
    dotenv = stack.dotenv
    email, password = dotenv["DEFAULT_USER_EMAIL"], dotenv["DEFAULT_USER_PASSWORD"]
    client = log_in(playwright, stack.url, email=email, password=password)
    page = client.get("/admin/users/user/").text()
    assert "@example.invalid" in page
    assert CUSTOMER not in page
    users = handed_over.source.query("SELECT count(*) FROM users_user")
    assert int(stack.query("SELECT count(*) FROM users_user")) == int(users) + 1  # and the new one


def test_nothing_confidential_is_in_the_archive(handed_over: HandedOver) -> None:
    """No secret of the source's configuration, and no personal data, are in any file, or in the dump's SQL."""
    dotenv = handed_over.source.dotenv
    passwords = {value for name, value in dotenv.items() if is_secret(name) and value}
    assert len(passwords) >= 3
    forbidden = [text.encode() for text in (*passwords, PERSON, PASSWORD)]
    unpacked = unpack(handed_over.anonymised, handed_over.anonymised.with_suffix(".seen"))
    contents = {str(path): path.read_bytes() for path in unpacked.rglob("*") if path.is_file()}
    dump = unpacked / "database.dump"
    to_sql = "docker compose exec --no-TTY postgres pg_restore --file=- <"
    contents["SQL"] = run("bash", "-ec", f"{to_sql}'{dump}'", directory=handed_over.stack.directory, limit=60).encode()
    contents["zip"] = handed_over.anonymised.read_bytes()
    assert b"COPY public.users_user" in contents["SQL"]
    assert b"@example.invalid" in contents["SQL"]
    found = [(name, text) for name, content in contents.items() for text in forbidden if text in content]
    assert found == []
    assert not {".env", ".git", "secrets", "node_modules", "__pycache__"} & {path.name for path in unpacked.rglob("*")}


def test_source_is_unchanged(handed_over: HandedOver) -> None:
    """The live database still has its people, and no other database was left beside it."""
    source = handed_over.source
    assert source.query(f"SELECT count(*) FROM users_user WHERE email = '{CUSTOMER}'").strip() == "1"
    assert "staging" not in source.query("SELECT string_agg(datname, ' ') FROM pg_database")
    assert not re.search("staging|scratch", source.exec("cron", "ls", "-A", "/data/backup_data", "/data/uploads"))


def test_media_are_included_on_request(handed_over: HandedOver) -> None:
    """The files of an archive with personal data, restored as its HAND_OVER.md says, are where the site has them."""
    stack = handed_over.stack
    unpacked = unpack(handed_over.media, handed_over.media.with_suffix(""))
    assert not (unpacked / "database.dump").exists()
    shutil.copytree(unpacked / "media", stack.directory / "media")
    handed_over.follow("Restore the media", document=unpacked / "HAND_OVER.md")
    assert stack.exec("web", "cat", LETTER) == f"Dear {PERSON}\n"
