"""`./google_storage.sh`, as a person uses it: from signing in to anonymized production data in the browser."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from bedplate.testing.browser import log_in, visit
from bedplate.testing.checkout import ROOT
from bedplate.testing.compose import Stack, attempt, run
from bedplate.testing.stack import NewPage
from documents import calls_of, commands_of
from playwright.sync_api import Playwright

from stack.storage import Storage, google_storage

pytestmark = pytest.mark.stack

SHOWN = calls_of(commands_of(ROOT / "library/docs/how-to/backups.md")[0], "./google_storage.sh")
AUTHENTICATE, LIST, RESTORE, UNDO, BACK_UP, VERIFY, PRUNE = SHOWN  # as the how-to has them
WITH_A_KEY = ROOT / "library/docs/how-to/authenticate-google-storage.md"
CUSTOMER = "erika.mustermann@customer.example"
PICTURE = "/data/uploads/public/a portrait, 100%.txt"


@pytest.fixture(scope="module")
def storage(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """Return a stack with a bucket that this machine has signed in to with a service account's key."""
    with google_storage(stack, tmp_path_factory.mktemp("home")) as storage:
        key = stack.directory / "key.json"
        key.write_text(stack.exec("oauth", "cat", "/tmp/key.json"))  # noqa: S108 - of that container
        (commands,) = commands_of(WITH_A_KEY, section="A service account's key")
        said = run("bash", "-ec", f"{{ {commands} }} 2>&1", directory=stack.directory, variables=storage.variables)
        assert re.search(r"backups@\S+ has access to gs://", said)
        assert not key.exists()
        yield storage


@pytest.fixture
def backup(storage: Storage) -> str:
    """Return the URL of a new backup."""
    stack = storage.stack
    stack.exec("web", "sh", "-c", f"mkdir -p /data/uploads/public && echo smile >'{PICTURE}'")
    result = storage.attempt(*BACK_UP)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()  # all else is on standard error


def test_credentials_are_stored_outside_for_their_owner_alone(storage: Storage) -> None:
    """The key is in the person's own configuration, with mode 0600, not in the checkout."""
    assert storage.credentials.stat().st_mode & 0o777 == 0o600
    assert storage.credentials.parent.stat().st_mode & 0o777 == 0o700
    assert not storage.credentials.is_relative_to(storage.stack.directory)


def test_person_signs_in_with_a_browser(storage: Storage, new_page: NewPage) -> None:
    """The link leads to the consent page; afterwards the terminal says whose access it is."""
    with storage.start(*AUTHENTICATE) as process:
        assert process.stdout
        link = next(found for line in process.stdout if (found := re.search(r"http://\S+/auth\?\S+", line)))
        page = new_page()
        visit(page, link[0])
        page.get_by_role("link", name="Allow").click()
        page.get_by_role("heading", name="Thank you").wait_for()
        said = process.stdout.read()
    assert process.returncode == 0
    assert "person@example.com has access to gs://" in said


def test_pasted_address_signs_in_too(storage: Storage, playwright: Playwright) -> None:
    """A browser on another machine ends at a page that does not load: its address can be pasted."""
    with storage.start("-a", "--port", "8799") as process:
        assert process.stdout
        assert process.stdin
        link = next(found for line in process.stdout if (found := re.search(r"http://\S+/auth\?\S+", line)))
        elsewhere = playwright.request.new_context()
        decision = link[0].replace("/auth?", "/decide?allow=yes&")
        process.stdin.write(elsewhere.get(decision, max_redirects=0).headers["location"] + "\n")
        process.stdin.flush()
        said = process.stdout.read()
    assert process.returncode == 0, said
    assert "person@example.com has access" in said


def test_backup_is_listed_and_verified(storage: Storage, backup: str) -> None:
    """A backup is listed at once, and as verified after a drill has passed, also on the page about operations."""
    (newest, *_) = storage.list()
    assert (newest["url"], newest["environment"], newest["verified"]) == (backup, "local", False)
    assert newest["engine"].startswith("postgresql 18.")
    name = backup.rpartition("/")[2]
    recorded = f"SELECT seconds > 0, passed FROM backup_records WHERE name LIKE '%/{name}'"
    assert storage.stack.query(recorded).strip() == "t|"
    storage.run("--verify", backup)
    assert storage.list()[0]["verified"]
    assert storage.stack.query(recorded).strip() == "t|t"
    storage.run(*PRUNE)
    assert backup in storage.run(*LIST)


def test_restore_brings_back_database_and_media(storage: Storage, backup: str) -> None:
    """Data newer than the backup is gone after a restore, and back after --undo; the site serves throughout."""
    stack = storage.stack
    stack.make_user("late@example.com", password="came-after-the-backup")
    stack.exec("web", "rm", PICTURE)
    storage.run("-r", backup)
    assert _count(stack, "late@example.com") == 0
    assert stack.get("/media/public/a%20portrait,%20100%25.txt").text == "smile\n"
    assert stack.status("/health/ready") == 200
    storage.run(*UNDO)
    assert _count(stack, "late@example.com") == 1
    assert stack.status("/health/ready") == 200


def test_production_arrives_anonymized(storage: Storage, playwright: Playwright, new_page: NewPage) -> None:
    """Restored elsewhere, production's people are pseudonyms; the default user logs in and sees them."""
    stack = storage.stack
    stack.make_user(CUSTOMER, password="known-to-the-customer")
    storage.back_up_as("prod")
    storage.run(*RESTORE)
    try:
        email, password = stack.dotenv["DEFAULT_USER_EMAIL"], stack.dotenv["DEFAULT_USER_PASSWORD"]
        client = log_in(playwright, stack.url, email=email, password=password)
        page = new_page(base_url=stack.url, storage_state=client.storage_state())
        visit(page, "/admin/users/user/")
        assert "@example.invalid" in page.content()
        assert CUSTOMER not in page.content()
        dump = stack.exec("postgres", "pg_dump", "--username=app", "--data-only", "app")
        assert CUSTOMER not in dump
        with pytest.raises(AssertionError, match="was not logged in"):
            log_in(playwright, stack.url, email=CUSTOMER, password="known-to-the-customer")
    finally:
        storage.run(*UNDO)
    assert _count(stack, CUSTOMER) == 1


def test_prod_is_replaced_only_on_its_name(storage: Storage) -> None:
    """Without a terminal for typing the name, and without --yes-replace prod, PROD's data stay."""
    command = ("run", "--rm", "--no-deps", "--no-TTY", "--env", "ENVIRONMENT=prod", "cron")
    with pytest.raises(AssertionError, match=r"exited with 2:[\s\S]*--yes-replace prod"):
        storage.stack.compose(*command, "python", "-m", "bedplate.backup", "-r", "latest")


def test_works_while_the_stack_is_down(storage: Storage, backup: str) -> None:
    """It starts the database that it needs, and stops it again."""
    stack = storage.stack
    stack.compose("stop", "web", "celery", "flower", "cron", "nginx", "valkey", "cache", "postgres")
    try:
        assert storage.list()[0]["url"] == backup
        storage.run(*VERIFY)
        assert "postgres" not in stack.compose("ps", "--services", "--status", "running").split()
    finally:
        stack.restore()


@contextmanager
def during_a_backup(storage: Storage) -> Iterator[None]:
    """Run the block while a command waits that had to start the database; afterwards it continues."""
    stack = storage.stack
    lock = (
        f"--volume={stack.project}_backup_data:/data/backup_data",
        "--entrypoint=flock",
        "postgres:18-trixie",
        "/data/backup_data/lock",
    )
    holder = run("docker", "run", "--detach", "--rm", "--init", *lock, "sleep", "infinity").strip()
    try:
        with storage.start("-b") as process:
            assert process.stdout
            assert any("waiting for it" in line for line in process.stdout)
            yield
            run("docker", "rm", "--force", "--volumes", holder)
            said = process.stdout.read()
        assert process.returncode == 0, said
    finally:
        attempt("docker", "rm", "--force", "--volumes", holder)


@pytest.fixture
def stopped(storage: Storage, backup: str) -> Iterator[Stack]:
    """Return the stack, of which only the services of the bucket run."""
    storage.stack.compose("stop", "web", "celery", "flower", "cron", "nginx", "valkey", "cache", "postgres")
    yield storage.stack
    storage.stack.restore()


@pytest.mark.slow
def test_a_site_started_meanwhile_stays_up(storage: Storage, stopped: Stack) -> None:
    """The command had to start the database; when it ends, the site needs it."""
    with during_a_backup(storage):
        stopped.compose("up", "-d", "--wait")
    stopped.wait_until_ready()
    assert "postgres" in stopped.compose("ps", "--services", "--status", "running").split()


@pytest.mark.slow
def test_another_command_started_meanwhile_keeps_its_database(storage: Storage, stopped: Stack) -> None:
    """| Even if a container of the same service ran before, and has ended."""

    def another() -> str:
        return stopped.compose("run", "--detach", "--no-deps", "cron", "sleep", "infinity").split()[-1]

    before, after = another(), ""
    try:
        with during_a_backup(storage):
            after = another()
            run("docker", "rm", "--force", before)
        assert "postgres" in stopped.compose("ps", "--services", "--status", "running").split()
    finally:
        attempt("docker", "rm", "--force", before, after)


@pytest.mark.parametrize("arguments", [[], ["-x"], ["-l", "-b"], ["-r", "nonsense"], ["-r", "s3://other/v1/a/b/c"]])
def test_invalid_usage_exits_with_2(storage: Storage, arguments: list[str]) -> None:
    """Invalid usage is refused, with a pointer to the help."""
    result = storage.attempt(*arguments)
    assert result.returncode == 2
    assert result.stderr.startswith(("Error: ", "Usage: "))
    assert "Traceback" not in result.stderr


def test_missing_backup_exits_with_1(storage: Storage, backup: str) -> None:
    """A missing backup is named."""
    absent = f"{backup[:-6]}000000"
    result = storage.attempt("-r", absent)
    assert (result.returncode, result.stderr.count(absent)) == (1, 1)


def test_revoked_credentials_say_what_to_do(storage: Storage, playwright: Playwright) -> None:
    """Once access is revoked, every command says to sign in again."""
    stack = storage.stack
    playwright.request.new_context().get(f"http://{stack.compose('port', 'oauth', '8899').strip()}/revoke")
    result = storage.attempt("-l")
    assert result.returncode == 1
    assert "./google_storage.sh -a" in result.stderr


def _count(stack: Stack, email: str) -> int:
    return int(stack.query(f"SELECT count(*) FROM users_user WHERE email = '{email}'"))
