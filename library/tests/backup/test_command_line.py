"""The command line: its options, and its end after an unexpected error."""

from dataclasses import replace
from pathlib import Path

import command
import pytest
from bedplate.backup.commands.restore import restore
from bedplate.backup.signatures import public_text
from dated import moved
from project import Believe, Configure, Project, note, notes
from pyrage import x25519


def of_another_project(project: Project, configure: Configure) -> str:
    """Return the URL of a backup of the project shop's DEV in the same store."""
    shop = Project(configure(COMPOSE_PROJECT_NAME="shop"), project.store)
    configure(COMPOSE_PROJECT_NAME="app")
    manifest = moved(shop, shop.back_up(), project.session.now(), environment="dev")
    return f"{project.store.url}/{manifest.name}"


@pytest.fixture
def unforeseen(tmp_path: Path) -> str:
    """Return a PYTHONPATH with a bug in the listing of backups."""
    folder = tmp_path / "mistake"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import bedplate.backup.session as module\n"
        "def backups(*_, **__):\n"
        "    raise KeyError('a secret\\nin two lines')\n"
        "module.backups = backups\n"
    )
    return f"{folder}:{command.environment()['PYTHONPATH']}"


def test_yes_is_understood(embedded: Project, without_django: None) -> None:
    """The command does not ask here, so the option changes nothing."""
    for option in ("--yes", "-y"):
        result = command.run("--undo", option)
        assert (result.returncode, "nothing to undo" in result.stderr) == (1, True)


@pytest.mark.parametrize("arguments", [("-r", "latest", "--yes"), ("--undo", "--yes")])
def test_in_prod_yes_is_no_name(embedded: Project, arguments: tuple[str, ...]) -> None:
    result = command.run(*arguments, ENVIRONMENT="prod", POSTGRES_PASSWORD="x")
    assert result.returncode == 2
    assert "--yes-replace prod" in result.stderr


def test_another_projects_backup_is_restored_when_its_project_is_named(
    embedded: Project, configure: Configure, believe: Believe
) -> None:
    """By its URL or as the latest of an environment, it is restored, listed and verified; not by the URL alone."""
    believe(f"shop/dev,app/embedded {public_text(embedded.configuration.trust.key.public)}")
    url = of_another_project(embedded, configure)
    refused = command.run("--verify", url)
    assert refused.returncode == 1
    assert "If you mean it (the same site's other environment, or its former name): --project shop" in refused.stderr
    assert url in command.run("-l", "--project", "shop").stdout
    assert url not in command.run("-l").stdout
    for wanted in (url, "latest:dev"):
        verified = command.run("--verify", wanted, "--project", "shop")
        assert (verified.returncode, verified.stderr.splitlines()[-1]) == (
            0,
            f"Verified: {url} restores to the data that was backed up.",
        )
    assert "has no backup of dev" in command.run("--verify", "latest:dev").stderr


@pytest.mark.usefixtures("without_django")
def test_what_is_restored_of_another_project_is_live(embedded: Project, configure: Configure) -> None:
    url = of_another_project(embedded, configure)
    note(embedded, "three")
    restore(replace(embedded.session, source="shop", accept_unsigned=True), url)
    assert notes(embedded) == ["one", "two"]


def test_a_project_has_a_slug(embedded: Project) -> None:
    result = command.run("-l", "--project", "../app")
    assert result.returncode == 2
    assert "takes a project's slug" in result.stderr


@pytest.mark.parametrize(
    "arguments", [("-l",), ("-b",), ("--check",), ("-r", "latest"), ("--verify", "latest"), ("--undo",), ("-a",)]
)
def test_an_environment_is_for_pruning_and_checking_a_bucket(embedded: Project, arguments: tuple[str, ...]) -> None:
    """Elsewhere it would be ignored, and a user would think that PROD's backup was restored."""
    result = command.run(*arguments, "--environment", "prod")
    assert (result.returncode, result.stdout) == (2, "")
    assert f"--environment belongs to --prune and --check-bucket: not to {arguments[0]}." in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--prune", "--accept-unsigned"),
        ("-l", "--forget-lost"),
        ("-r", "latest", "--dry-run"),
        ("-l", "--not-anonymised"),
        ("-b", "--json"),
        ("--undo", "--forget-set-aside"),
        ("--undo", "--without-backup-first", "damaged-database"),
    ],
)
def test_an_option_of_another_command_is_refused(embedded: Project, arguments: tuple[str, ...]) -> None:
    """It would be ignored: -r with --dry-run would restore."""
    result = command.run(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert " belongs to " in result.stderr


@pytest.fixture
def identity(embedded: Project, configure: Configure) -> str:
    """Make an encrypted backup, remove the key from the project, and return it."""
    identity = x25519.Identity.generate()
    Project(configure(BACKUP_AGE_RECIPIENTS=str(identity.to_public())), embedded.store).back_up()
    return str(identity)


def test_the_key_is_given_for_one_command(embedded: Project, identity: str, tmp_path: Path) -> None:
    """The key comes from a file or standard input. It is stored in no file, and the next command does not have it."""
    file = tmp_path / "key.txt"
    file.write_text(f"# made by age-keygen\n{identity}\n")
    assert command.run("--verify", "latest", "--identity-file", str(file)).returncode == 0
    assert command.run("--verify", "latest", "--identity-file", "-", given=identity).returncode == 0
    without = command.run("--verify", "latest")
    assert without.returncode == 1
    assert "--identity-file FILE (library/docs/how-to/backups.md)" in without.stderr
    kept = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert not [path for path in kept if identity.encode() in path.read_bytes()]


@pytest.mark.parametrize("text", [None, "", "age1nokey", "AGE-SECRET-KEY-1NONE", b"\xff\xfe"])
def test_a_file_that_holds_no_key_is_refused(
    embedded: Project, identity: str, tmp_path: Path, text: str | bytes | None
) -> None:
    file = tmp_path / "key.txt"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    result = command.run("--verify", "latest", "--identity-file", str(file))
    assert result.returncode == 2
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


def test_an_unexpected_error_is_a_line_and_a_log(embedded: Project, unforeseen: str) -> None:
    """Only its owner may read the log; a later error replaces it."""
    for _ in range(2):
        result = command.run("--check", PYTHONPATH=unforeseen)
        log = embedded.configuration.work / "last-error.log"
        assert result.returncode == 1
        assert result.stderr.startswith(r"Failed: KeyError: 'a secret\nin two lines' (session.py, line ")
        assert result.stderr.endswith(f"Its traceback: {log}\n")
        assert result.stderr.count("\n") == 1
        assert log.read_text().count("Traceback (most recent call last):") == 1
        assert log.read_text().splitlines()[0].endswith(" --check")
        assert log.stat().st_mode & 0o777 == 0o600


def test_in_docker_the_log_is_in_a_container(embedded: Project, unforeseen: str, tmp_path: Path) -> None:
    result = command.run("--check", PYTHONPATH=unforeseen, ENVIRONMENT="local", POSTGRES_PASSWORD="x")
    log = embedded.configuration.work / "last-error.log"
    assert result.stderr.endswith(f"Its traceback: docker compose run --rm --no-deps cron cat {log}\n")


def test_without_a_place_for_the_log_there_is_the_line(embedded: Project, unforeseen: str) -> None:
    (embedded.configuration.work / "last-error.log").mkdir(parents=True)
    result = command.run("--check", PYTHONPATH=unforeseen)
    assert result.returncode == 1
    assert "Its traceback could not be stored: [Errno 21] Is a directory" in result.stderr
    assert result.stderr.count("\n") == 1
