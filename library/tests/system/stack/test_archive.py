"""An archive of a project with data, followed to the letter by who gets it: another stack, in an empty folder."""

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

# As the how-to has it: into acme.zip, beside the project.
_, WITH_DATA = calls_of(commands_of(ROOT / "library/docs/how-to/hand-over.md")[0], "./create_archive.sh")
# Of this run alone: what is to be found nowhere is not in this file, which the archive holds too.
SOMEBODY = f"konrad{secrets.token_hex(4)}"
CUSTOMER = f"{SOMEBODY}@customer.example"
PASSWORD = secrets.token_urlsafe(12)
LETTER = "/data/media/letters/a letter, 100% für Dich.txt"


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
    """Return what ./create_archive.sh says."""
    script = source.directory / "create_archive.sh"
    result = attempt(script, *options, directory=source.directory, limit=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


@pytest.fixture(scope="module")
def handed_over(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HandedOver]:
    """Return a stack that was made as HAND_OVER.md says, from the archive of one with a customer and a letter."""
    folder = tmp_path_factory.mktemp("handed over")
    stack.make_user(CUSTOMER, password=PASSWORD)
    stack.exec("web", "sh", "-c", f"mkdir -p /data/media/letters && echo 'Dear {SOMEBODY}' >'{LETTER}'")
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


def test_its_site_shows_anonymised_data(handed_over: HandedOver, playwright: Playwright) -> None:
    """The user whom the install has made logs in, and sees pseudonyms in place of the people."""
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
    """No secret of the source's configuration, and nothing of its people, is in any file, nor in the dump's SQL."""
    dotenv = handed_over.source.dotenv
    passwords = {value for name, value in dotenv.items() if is_secret(name) and value}
    assert len(passwords) >= 3
    forbidden = [text.encode() for text in (*passwords, SOMEBODY, PASSWORD)]
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


def test_source_is_as_it_was(handed_over: HandedOver) -> None:
    """The live database still has its people, and nothing is beside it that was not."""
    source = handed_over.source
    assert source.query(f"SELECT count(*) FROM users_user WHERE email = '{CUSTOMER}'").strip() == "1"
    assert "staging" not in source.query("SELECT string_agg(datname, ' ') FROM pg_database")
    assert not re.search("staging|scratch", source.exec("web", "ls", "/data/backup_system"))


def test_media_come_along_where_wanted(handed_over: HandedOver) -> None:
    """The files of an archive with personal data, restored as its HAND_OVER.md says, are where the site has them."""
    stack = handed_over.stack
    unpacked = unpack(handed_over.media, handed_over.media.with_suffix(""))
    assert not (unpacked / "database.dump").exists()
    shutil.copytree(unpacked / "media", stack.directory / "media")
    handed_over.follow("Restore the media", document=unpacked / "HAND_OVER.md")
    assert stack.exec("web", "cat", LETTER) == f"Dear {SOMEBODY}\n"
