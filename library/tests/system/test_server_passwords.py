"""Valkey's lists of password hashes: made from the secrets, which hold addresses."""

import re
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest
from fake_machine import CONFIG, FakeMachine
from fake_server import install, installed
from test_deploy_checks import deploy
from test_rotate_secret_checks import rotate
from test_rotate_secret_steps import kill_at, running  # noqa: F401 - a fixture

ELSEWHERE: Final = "rediss://default:password@valkey.example.com:6380"
# The queue's server reads its list, and `web` the address.
WITH_READERS: Final = CONFIG.replace(
    "valkey/valkey:9\\n", "valkey/valkey:9\\n    secrets:\\n      - source: valkey_server_passwords\\n"
).replace("image: shop-web:latest\\n", "image: shop-web:latest\\n    secrets:\\n      - source: valkey_url\\n", 1)


def hash_in(address: str) -> str:
    """Return the hash of this address's password."""
    (password,) = re.findall(r"^redis://queue:(\w+)@valkey:6379$", address.strip())
    return f"#{sha256(password.encode()).hexdigest()}"


def address_of(folder: Path) -> str:
    """Return the queue's address."""
    return (folder / "secrets/valkey_url").read_text()


def hashes_of(folder: Path) -> list[str]:
    """Return the password hashes that the queue's server accepts."""
    return (folder / "secrets/valkey_server_passwords").read_text().splitlines()


MOUNTS: Final = "inspect --format {{range .Mounts}}*"


@pytest.fixture
def deployed(running: FakeMachine) -> FakeMachine:  # noqa: F811 - that fixture
    """Return a server whose secrets are complete."""
    for call in ("compose config", "compose --env-file * config"):
        running.answer(call, WITH_READERS)
    running.answer(MOUNTS, "/run/secrets/valkey_server_passwords ")
    assert deploy(running, "--no-backup").returncode == 0
    return running


def test_deploy_makes_them(running: FakeMachine) -> None:  # noqa: F811 - that fixture
    """A server older than Valkey's passwords gets address and hash; nothing has to be given."""
    result = deploy(running, "--no-backup")
    assert "secrets/valkey_url is new, and generated now." in result.stdout
    assert "secrets/valkey_server_passwords is new, and generated now." in result.stdout
    assert hashes_of(running.checkout) == [hash_in(address_of(running.checkout))]


def test_lost_list_is_made_again(server: FakeMachine) -> None:
    """It is derived from the secret."""
    folder = installed(server)
    before = hashes_of(folder)
    (folder / "secrets/valkey_server_passwords").unlink()
    assert server.install().returncode == 0
    assert hashes_of(folder) == before


def test_lost_address_is_asked_for(server: FakeMachine) -> None:
    """It may have been that of a server elsewhere; the form of ours is printed."""
    folder = installed(server)
    (folder / "secrets/valkey_url").unlink()
    result = server.install()
    assert result.returncode == 1
    assert "secrets/valkey_url is missing: redis://queue:SECRET@valkey:6379" in result.stderr


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("redis://queue:short@valkey:6379", "its password is too short: 5 characters, 32 at least."),
        ("redis://queue:@valkey:6379/0", "its password must be of letters, digits"),
        (f"redis://queue:{'p@ss' * 10}@valkey:6379", "its password must be of letters, digits"),
        ("redis://valkey:6379", "the address of this server is written redis://queue:SECRET@valkey:6379"),
        (f"redis://default:{'p' * 40}@valkey/0", "the address of this server is written redis://queue:SECRET@"),
        ("a-password-of-more-than-32-characters", "it is an address: redis://queue:SECRET@valkey:6379"),
    ],
)
def test_password_that_could_be_guessed_is_refused(deployed: FakeMachine, address: str, problem: str) -> None:
    """A reader of its hash would find it. Written into the file or given, it is refused, before anything is changed."""
    before = address_of(deployed.checkout)
    result = rotate(deployed, "valkey_url", "--from", "-", given=address)
    assert result.returncode == 1
    assert f"what --from gives cannot be valkey_url: {problem}" in result.stderr
    assert address_of(deployed.checkout) == before
    (deployed.checkout / "secrets/valkey_url").write_text(f"{address}\n")
    result = deploy(deployed, "--no-backup")
    assert result.returncode == 1
    assert f"secrets/valkey_url: {problem}" in result.stderr


def test_address_of_a_server_elsewhere(deployed: FakeMachine) -> None:
    """It is used as given, and our server accepts no password."""
    assert rotate(deployed, "valkey_url", "--from", "-", given=f"{ELSEWHERE}\n").returncode == 0
    assert address_of(deployed.checkout) == f"{ELSEWHERE}\n"
    assert hashes_of(deployed.checkout) == []
    assert rotate(deployed, "valkey_url").returncode == 0
    assert hashes_of(deployed.checkout) == [hash_in(address_of(deployed.checkout))]


def test_killed_rotation_is_completed(deployed: FakeMachine) -> None:
    """Killed while the application is replaced, the server accepts both passwords; run again, the next one alone."""
    old = hashes_of(deployed.checkout)
    kill_at(deployed, "tag shop-web:", "valkey_url")
    new = hash_in(address_of(deployed.checkout))
    assert hashes_of(deployed.checkout) == [*old, new]
    assert rotate(deployed, "valkey_url").returncode == 0
    assert hashes_of(deployed.checkout) == [new] == [hash_in(address_of(deployed.checkout))]


def test_earlier_password_stays_while_something_runs_with_it(deployed: FakeMachine) -> None:
    """Whatever was left unfinished: running services are never refused."""
    old = hashes_of(deployed.checkout)
    deployed.answer("exec * cat /run/secrets/valkey_url", "of a container that was not replaced")
    assert rotate(deployed, "valkey_url").returncode == 0
    new = hash_in(address_of(deployed.checkout))
    assert hashes_of(deployed.checkout) == [*old, new]
    assert any("up --detach --no-deps --force-recreate" in call and call.endswith(" web") for call in deployed.calls())
    deployed.answer("exec * cat /run/secrets/valkey_url", "")
    assert deploy(deployed, "--restart").returncode == 0
    assert hashes_of(deployed.checkout) == [new]


def test_rotation_waits_for_the_deploy(deployed: FakeMachine) -> None:
    """While a server accepts clients without a password, running services have none: they would be locked out."""
    deployed.answer(MOUNTS, "")
    result = rotate(deployed, "valkey_url")
    assert result.returncode == 1
    assert "valkey: asks for no password yet" in result.stderr
    assert "First: ./bedplate deploy" in result.stderr


def test_variable_with_the_former_address_is_refused(deployed: FakeMachine) -> None:
    """It would override the secret."""
    dotenv = deployed.checkout / ".env"
    dotenv.write_text(f"{dotenv.read_text()}VALKEY_URL=redis://valkey:6379\n")
    result = deploy(deployed, "--no-backup")
    assert result.returncode == 1
    assert "VALKEY_URL in .env is the address of this server" in result.stderr


def test_failed_rotation_keeps_the_previous_password(deployed: FakeMachine) -> None:
    """Both the address and the list are as before."""
    old = address_of(deployed.checkout)
    deployed.answer("tag *", "no space left on device", status=1)
    result = rotate(deployed, "valkey_url")
    assert result.returncode == 1
    assert "The previous valkey_url is in force, as before." in result.stderr
    assert address_of(deployed.checkout) == old
    assert hashes_of(deployed.checkout) == [hash_in(old)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('  token: { file: secrets/token, x-length: 20, x-form: "tcp://token" }', "x-form of the secret token"),
        ("  token: { file: secrets/token, x-hashes-of: secret_key }", "x-hashes-of of token is 'secret_key'"),
    ],
)
def test_invalid_list_of_secrets(server: FakeMachine, line: str, said: str) -> None:
    """It is reported before anything is changed."""
    prod = server.checkout / "prod.yml"
    prod.write_text(prod.read_text().replace("\nsecrets:\n", f"\nsecrets:\n{line}\n"))
    result = install(server)
    assert result.returncode == 1
    assert said in result.stderr
    assert not (server.checkout / "secrets").exists()
