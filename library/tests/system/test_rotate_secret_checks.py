"""`./bedplate rotate-secret`, first phase: refusals before anything is changed."""

import fcntl
import subprocess
from pathlib import Path

import pytest
from fake_machine import FakeMachine
from test_deploy_checks import write_dotenv
from test_install_docker_checks import contents

SECRETS = {
    "secret_key": "a-secret-key-of-more-than-32-characters",
    "postgres_password": "the-database-password",
    "default_user_password": "the-first-password",
    "dev_password": "dev:{PLAIN}the-dev-password",
    "email_password": "",
    "google_credentials": "",
    "backup_age_identity": "",
}


def put_prod_on(machine: FakeMachine) -> FakeMachine:
    """Return the machine, with PROD on it, running."""
    write_dotenv(machine)
    folder = machine.checkout / "secrets"
    for name, value in SECRETS.items():
        (folder / name).write_text(value)
    machine.answer("compose ps *", "1234")
    return machine


@pytest.fixture
def server(machine: FakeMachine) -> FakeMachine:
    """Return a machine with PROD on it."""
    return put_prod_on(machine)


def rotate(machine: FakeMachine, *options: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    """Return the result of ./bedplate rotate-secret, with this on its standard input."""
    return subprocess.run(
        [machine.checkout / "bedplate", "rotate-secret", "--yes", *options],
        env=machine.environment(),
        input=given,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


def assert_refuses(machine: FakeMachine, *said: str, options: tuple[str, ...], given: str = "") -> None:
    """Assert that it stops with these words, and nothing has changed, in the folder or in Docker."""
    before = contents(machine.checkout)
    result = rotate(machine, *options, given=given)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "Stopped, nothing was changed" in result.stderr
    for text in said:
        assert text in result.stderr
    assert contents(machine.checkout) == before
    acts = ("compose up", "compose run", "compose exec", "compose rm", "tag")
    assert not [call for call in machine.calls() if call.startswith(acts)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Which secret? Give its name."),
        (["secret_key", "dev_password"], "One secret at a time: secret_key, or dev_password."),
        (["postgres_password", "--forget-previous"], "--forget-previous is for secret_key."),
        (["secret_key", "--forget-previous", "--from", "-"], "--forget-previous makes no new secret"),
        (["secret_key", "--from"], "--from needs a value"),
        (["secret_key", "--wait", "soon"], "--wait needs a number of seconds, not 'soon'"),
        (["secret_key", "--now"], "Unknown option: --now"),
    ],
)
def test_wrong_options(server: FakeMachine, options: list[str], said: str) -> None:
    """They are printed with the usage."""
    result = rotate(server, *options)
    assert result.returncode == 2
    assert result.stderr.startswith(said)
    assert "usage: ./bedplate rotate-secret" in result.stderr


def test_local(machine: FakeMachine) -> None:
    """LOCAL has its secrets in `.env`."""
    machine.write_dotenv()
    assert_refuses(machine, "this folder is LOCAL", options=("secret_key",))


@pytest.mark.parametrize("name", ["dev_password", "backup_age_identity"])
def test_secret_of_another_environment(server: FakeMachine, name: str) -> None:
    """A secret that PROD does not mount would change nothing there. The message says how to restore with its file."""
    said = [f"PROD has no secret '{name}' to rotate. It has: "]
    said.append("./google_storage.sh -r URL --identity-file FILE")
    assert_refuses(server, *said, options=(name, "--from", "-"), given="a-new-basic-auth-password")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no_such", "PROD has no secret 'no_such' to rotate. It has: "),
        ("postgres_server_password", "PROD has no secret 'postgres_server_password' to rotate."),
        ("email_password", "email_password is made elsewhere."),
    ],
)
def test_secret_that_is_not_in_the_list(server: FakeMachine, name: str, said: str) -> None:
    """Secrets that the environment lists can be rotated; one that is made elsewhere must be given."""
    assert_refuses(server, said, options=(name,))


def test_stack_that_does_not_run(server: FakeMachine) -> None:
    """A new secret is tried on the running services."""
    server.answer("compose ps *", "")
    assert_refuses(server, "the stack does not run", "docker compose up", options=("secret_key",))


def test_missing_secret(server: FakeMachine) -> None:
    """A lost secret must be put back first: running services still have it, started ones would not."""
    (server.checkout / "secrets/postgres_password").unlink()
    assert_refuses(server, "secrets/postgres_password is missing", options=("secret_key",))


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("secret_key", "short", "too short to be secret_key: 5 characters, 32 at least"),
        ("postgres_password", "change-me-change-me", "holds the placeholder"),
        ("postgres_password", "a-first-line\nand-a-second-one", "several lines"),
        ("email_password", "\n", "too short to be email_password: 0 characters, 1 at least"),
        ("google_credentials", "not json", "no key of a service account"),
        ("google_credentials", "aws_access_key_id = x\naws_secret_access_key = y", "no key of a service account"),
    ],
)
def test_invalid_given_secret(server: FakeMachine, name: str, given: str, said: str) -> None:
    """A given value must be valid for the secret, and is not printed."""
    assert_refuses(server, said, options=(name, "--from", "-"), given=given)
    assert "and-a-second-one" not in rotate(server, name, "--from", "-", given=given).stderr


def test_file_that_is_not_there(server: FakeMachine, tmp_path: Path) -> None:
    """The file is named."""
    assert_refuses(server, "there is no file", "missing", options=("secret_key", "--from", str(tmp_path / "missing")))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("half:of-a-long-password", "it has a colon"),
        ("dev:{PLAIN}half:of-a-long-password", "it has a colon"),
        ("dev:half-of-a-long-password", "it has a colon"),
        ("dev:{PLAIN}short", "the password is too short: 5 characters, 12 at least"),
        ("short", "the password is too short: 5 characters, 12 at least"),
        ("dev:{PLAIN}first-password\nsecond:second-password", "it has several lines"),
    ],
)
def test_basic_auth_password_that_nginx_would_misread(server: FakeMachine, given: str, said: str) -> None:
    """A value that nginx would read in another way is refused."""
    dotenv = server.checkout / ".env"
    dotenv.write_text(dotenv.read_text().replace("COMPOSE_FILE=prod.yml", "COMPOSE_FILE=dev.yml"))
    (server.checkout / "secrets/dev_password").write_text("dev:{PLAIN}the-current-password")
    assert_refuses(server, f"what --from gives cannot be dev_password: {said}", options=FROM_INPUT, given=given)


FROM_INPUT = ("dev_password", "--from", "-")


@pytest.mark.parametrize(
    "command",
    [
        "bedplate rotate-secret secret_key --yes",
        "google_storage.sh -r latest",
        "google_storage.sh -yr latest",
        "bedplate deploy --yes",
    ],
)
def test_one_change_at_a_time(server: FakeMachine, command: str) -> None:
    """While an install, deploy, rotation or restore runs, another one changes nothing."""
    script, *options = command.split()
    with (server.checkout / "install_docker.sh").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = subprocess.run(
            [server.checkout / script, *options],
            env=server.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
    assert result.returncode == 1
    assert "rotation or restore of this project is running" in result.stderr
    acts = ("compose up", "compose run", "compose exec", "compose rm", "tag")
    assert not [call for call in server.calls() if call.startswith(acts)]
