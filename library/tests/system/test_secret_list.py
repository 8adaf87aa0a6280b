"""The list of secrets, in dev.yml and prod.yml: a release's new ones are made before they are needed."""

import re
from pathlib import Path

import pytest
from bedplate.environment import SHORTEST_KEY
from bedplate.testing.checkout import ROOT, free_port
from fake_machine import FakeMachine
from fake_server import install, installed
from test_deploy_checks import deploy
from test_rotate_secret_checks import rotate
from test_rotate_secret_steps import running  # noqa: F401 - a fixture

LISTED = re.compile(
    r"^  (\w+): \{ file: secrets/\1(?:, x-length: (\d+))?(?:, x-form: \S+)?(?:, x-hashes-of: \w+)? \}", re.MULTILINE
)
DERIVED = {"postgres_server_password", "valkey_server_passwords", "cache_server_passwords"}
ADDED = "  payment_key: { file: secrets/payment_key, x-length: 20 }\n  bank_key: { file: secrets/bank_key }\n"


def listed(environment: str) -> dict[str, int]:
    """Return the secrets of an environment, with their minimum lengths: 0 if made elsewhere."""
    text = (ROOT / f"{environment}.yml").read_text().partition("\nsecrets:\n")[2].partition("\n\n")[0]
    found = {name: int(length or 0) for name, length in LISTED.findall(text)}
    assert len(found) == len(text.splitlines())
    return found


def add_secrets(folder: Path) -> None:
    """Add two secrets to the list of PROD's next release."""
    prod = folder / "prod.yml"
    prod.write_text(prod.read_text().replace("\nsecrets:\n", f"\nsecrets:\n{ADDED}"))


def assert_added(folder: Path) -> None:
    """Assert that one of them was made, the other is empty, and each is its owner's alone."""
    made, empty = folder / "secrets/payment_key", folder / "secrets/bank_key"
    assert re.fullmatch(r"\w{30,}", made.read_text())
    assert empty.read_bytes() == b""
    assert {path.stat().st_mode & 0o777 for path in (made, empty)} == {0o600}


def test_deploy_makes_new_secrets_of_its_release(running: FakeMachine) -> None:  # noqa: F811 - that fixture
    """Compose starts nothing while a file is missing. Secrets that must be given are named before anything is done."""
    add_secrets(running.checkout)
    result = deploy(running, "--no-backup")
    assert "secrets/payment_key is new, and generated now." in result.stdout
    assert "secrets/bank_key is new, and empty. Give it: ./bedplate rotate-secret bank_key --from FILE" in result.stdout
    assert_added(running.checkout)
    calls = running.calls()
    assert calls.index("compose config") < min(at for at, call in enumerate(calls) if call.startswith("compose --env"))
    assert "is new" not in deploy(running, "--no-backup").stdout


def test_install_makes_new_secrets(server: FakeMachine) -> None:
    """The install does it too, and the existing ones stay."""
    folder = installed(server)
    before = (folder / "secrets/secret_key").read_text()
    add_secrets(folder)
    assert server.install().returncode == 0
    assert_added(folder)
    assert (folder / "secrets/secret_key").read_text() == before


@pytest.mark.parametrize("command", ["install", "deploy", "rotate"])
def test_lost_secret_is_not_taken_for_a_new_one(server: FakeMachine, command: str) -> None:
    """A new one would not open what the lost one opened."""
    folder = installed(server)
    server.answer("compose ps *", "1234")
    add_secrets(folder)
    assert server.install().returncode == 0
    (folder / "secrets/payment_key").unlink()
    if command == "install":
        result = server.install()
    else:
        result = deploy(server) if command == "deploy" else rotate(server, "secret_key")
    assert result.returncode == 1
    assert "secrets/payment_key is missing" in result.stderr
    assert not (folder / "secrets/payment_key").exists()


def test_secret_of_the_team_is_rotated(running: FakeMachine) -> None:  # noqa: F811 - that fixture
    """A listed secret can be rotated: the services that read it are replaced."""
    add_secrets(running.checkout)
    deploy(running, "--no-backup")
    key = "-----BEGIN PRIVATE KEY-----\nof-the-bank\n-----END PRIVATE KEY-----\n"
    assert rotate(running, "bank_key", "--from", "-", given=key).returncode == 0
    assert (running.checkout / "secrets/bank_key").read_text() == key
    before = (running.checkout / "secrets/payment_key").read_text()
    assert rotate(running, "payment_key").returncode == 0
    assert (running.checkout / "secrets/payment_key").read_text() not in {before, ""}
    short = rotate(running, "payment_key", "--from", "-", given="short")
    assert "too short to be payment_key: 5 characters, 20 at least" in short.stderr


def test_compose_file_that_cannot_be_read(server: FakeMachine) -> None:
    """The file is named, with Compose's message, before anything is changed."""
    server.answer("compose --env-file .env.example config", "yaml: line 3: mapping values are not allowed", status=15)
    result = server.install("--environment", "prod", "--domain", "www.example.com", "--admin-email", "you@example.com")
    assert result.returncode == 1
    assert "Docker Compose cannot read prod.yml:\n  yaml: line 3" in result.stderr
    assert not (server.checkout / "secrets").exists()


@pytest.mark.parametrize("name", ["email_password", "payment_key"])
def test_lost_given_secret_is_asked_for(server: FakeMachine, name: str) -> None:
    """With an empty one the site would lose the access that it gives."""
    folder = installed(server)
    server.answer("compose ps *", "1234")
    prod = folder / "prod.yml"
    prod.write_text(
        prod.read_text().replace("\nsecrets:\n", "\nsecrets:\n  payment_key: { file: secrets/payment_key }\n")
    )
    assert server.install().returncode == 0
    (folder / "secrets" / name).unlink()
    for result in (server.install(), deploy(server)):
        assert result.returncode == 1
        assert f"secrets/{name} is missing; if it was empty: (umask 077; : >secrets/{name})" in result.stderr
    assert not (folder / "secrets" / name).exists()


def test_folder_of_any_name(tmp_path: Path) -> None:
    """Compose says where a secret is: with spaces, and `$$` for `$`."""
    server = FakeMachine(tmp_path, port=free_port(), checkout="it's my $project (new)")
    assert (installed(server) / "secrets/secret_key").stat().st_size


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('  token: { file: secrets/token, x-length: "long" }', "x-length of the secret token is 'long' in prod.yml"),
        ('  token: { file: secrets/token, x-length: "20" }', ""),
        ("  token: { file: ours/secrets/token, x-length: 20 }", ""),
    ],
)
def test_other_ways_to_write_it(server: FakeMachine, line: str, said: str) -> None:
    """A length may be quoted, and is a number; a file in another folder is not ours."""
    prod = server.checkout / "prod.yml"
    prod.write_text(prod.read_text().replace("\nsecrets:\n", f"\nsecrets:\n{line}\n"))
    result = install(server)
    assert result.returncode == bool(said)
    assert said in result.stderr
    assert (server.checkout / "secrets/token").exists() == (not said and "ours" not in line)


def test_deploy_leaves_other_files(running: FakeMachine) -> None:  # noqa: F811 - that fixture
    """A team keeps other files in secrets/, for other users."""
    other = running.checkout / "secrets/of_the_team"
    other.write_text("for others too")
    other.chmod(0o644)
    add_secrets(running.checkout)
    deploy(running, "--no-backup")
    assert_added(running.checkout)
    assert other.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("name", ["secret_key", "default_user_password"])
def test_rotation_on_a_full_disk_leaves_the_secret(running: FakeMachine, name: str) -> None:  # noqa: F811 - that fixture
    """If the previous secret cannot be kept, it does not overwrite the one in force."""
    secret = running.checkout / "secrets" / name
    before = secret.read_text()
    in_the_way = secret.parent / f"..{name}.previous.new"
    in_the_way.mkdir()  # it cannot be written, as on a disk that is full
    assert rotate(running, name).returncode == 1
    assert secret.read_text() == before
    assert [path.name for path in secret.parent.glob(".*")] == [in_the_way.name]


def test_empty_copy_for_postgresql_is_made_again(server: FakeMachine) -> None:
    """A full disk leaves one, with which no database could be created."""
    folder = installed(server)
    copy = folder / "secrets/postgres_server_password"
    copy.write_text("")
    assert server.install().returncode == 0
    assert copy.read_text().strip() == (folder / "secrets/postgres_password").read_text().strip()


def test_environments_agree() -> None:
    """DEV and PROD require the same of a secret that both have, and the application requires no more."""
    dev, prod = listed("dev"), listed("prod")
    assert {name: dev[name] for name in dev.keys() & prod} == {name: prod[name] for name in dev.keys() & prod}
    assert prod["secret_key"] == prod["backup_signing_key"] == SHORTEST_KEY
    assert [name for name, length in (dev | prod).items() if length] == [
        "secret_key",
        "postgres_password",
        "valkey_url",
        "cache_url",
        "default_user_password",
        "metrics_token",
        "backup_signing_key",
        "dev_password",
    ]


@pytest.mark.parametrize(
    "page", ["library/docs/how-to/rotate-a-secret.md", "library/src/bedplate/host/cli/rotate_secret.py"]
)
def test_each_secret_is_documented(page: str) -> None:
    """A person who has to rotate a secret finds it there."""
    text = (ROOT / page).read_text()
    secrets = (listed("dev") | listed("prod")).keys() - DERIVED
    assert [name for name in secrets if name not in text] == []
