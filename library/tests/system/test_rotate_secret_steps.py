"""`./bedplate rotate-secret`, second phase: the contents of secrets/, however it ends."""

import subprocess

import pytest
from bedplate.testing.compose import wait_until
from fake_machine import CONFIG, CONFIG_OF_MANAGED, FakeMachine
from test_install_docker_steps import values
from test_rotate_secret_checks import SECRETS, put_prod_on, rotate

RUNS_WHAT_DOTENV_SAYS = """\
case $* in
  "inspect --format {{.Id}}"*) printf '1234 shop-web-1 shop-web:%s running\\n' "$(sed -n s/^RELEASE=//p .env)" ;;
  "compose config") "${BASH_SOURCE[0]}-by-rules" "$@" | sed "s/:latest/:$(sed -n s/^RELEASE=//p .env)/" ;;
  *) exec "${BASH_SOURCE[0]}-by-rules" "$@" ;;
esac"""
CHANGE = "compose run --rm --no-deps --no-TTY web python -"  # of PostgreSQL's password
OLD_KEY, OLD_PASSWORD = SECRETS["secret_key"], SECRETS["postgres_password"]


@pytest.fixture
def running(machine: FakeMachine) -> FakeMachine:
    """Return a server on which all services that a restart checks run, and are healthy."""
    server = put_prod_on(machine)
    (server.checkout / "secrets/postgres_server_password").write_text(OLD_PASSWORD)
    server.answer("inspect *RestartCount*", "healthy")
    server.answer("image inspect *")
    # The running release is the one in .env, after a restart too.
    (server.commands / "docker").rename(server.commands / "docker-by-rules")
    server.command("docker", RUNS_WHAT_DOTENV_SAYS)
    return server


def lines_of(machine: FakeMachine, name: str) -> list[str]:
    """Return the lines of a secret."""
    return (machine.checkout / "secrets" / name).read_text().split()


def hidden(machine: FakeMachine) -> list[str]:
    """Return the other files in secrets/."""
    return sorted(path.name for path in (machine.checkout / "secrets").iterdir() if path.name.startswith("."))


def kill_at(machine: FakeMachine, call: str, name: str) -> None:
    """Rotate, and kill the script and its children at this docker call."""
    machine.answer(f"{call}*", status="hang")
    process = subprocess.Popen(
        [machine.checkout / "bedplate", "rotate-secret", name, "--yes"],
        env=machine.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until(
        lambda: [made for made in machine.calls() if made.startswith(call)], limit=60, what=f"docker {call} is called"
    )
    subprocess.run(["pkill", "-KILL", "--session", str(process.pid)], check=True)
    process.wait()
    machine.answer(f"{call}*")


def test_key_is_rotated(running: FakeMachine) -> None:
    """The new key comes first, the previous one after it; the release is restarted twice, under other names."""
    result = rotate(running, "secret_key")
    assert result.returncode == 0, result.stdout + result.stderr
    new, previous = lines_of(running, "secret_key")
    assert (previous, len(new) >= 48) == (OLD_KEY, True)
    assert values(running.checkout / ".env")["RELEASE"].startswith("latest-restart-")
    tagged = [call for call in running.calls() if call.startswith("tag shop-web:latest")]
    assert len(tagged) == 2
    assert not hidden(running)
    assert rotate(running, "secret_key", "--forget-previous").returncode == 0
    assert lines_of(running, "secret_key") == [new]


def test_only_one_earlier_key_is_kept(running: FakeMachine) -> None:
    """Rotated again, the key before the previous one is forgotten."""
    assert rotate(running, "secret_key").returncode == 0
    second, first = lines_of(running, "secret_key")
    assert first == OLD_KEY
    assert rotate(running, "secret_key").returncode == 0
    assert lines_of(running, "secret_key")[1:] == [second]


@pytest.mark.parametrize("name", ["secret_key", "postgres_password"])
def test_restart_fails(running: FakeMachine, name: str) -> None:
    """If no service could learn the next one, the secret is as before, and nothing of the next one is left."""
    running.answer("tag *", "no space left on device", status=1)
    result = rotate(running, name)
    assert result.returncode == 1
    assert "Failed: Restart its readers" in result.stderr
    assert "the disk is full" in result.stderr
    assert f"The previous {name} is in force, as before." in result.stderr
    assert lines_of(running, name) == [SECRETS[name]]
    assert not hidden(running)


def test_database_refuses(running: FakeMachine) -> None:
    """If PostgreSQL does not accept the next one, all services know both, and the same command completes it."""
    running.answer(f"{CHANGE}*", "FATAL: the database system is shutting down", status=1)
    result = rotate(running, "postgres_password")
    assert result.returncode == 1
    assert "To complete it: ./bedplate rotate-secret postgres_password" in result.stderr
    new, old = lines_of(running, "postgres_password")
    assert old == OLD_PASSWORD
    running.answer(f"{CHANGE}*")
    assert rotate(running, "postgres_password").returncode == 0
    assert lines_of(running, "postgres_password") == [new]
    assert lines_of(running, "postgres_server_password") == [new]
    assert not hidden(running)


@pytest.mark.parametrize(
    "call",
    [
        "tag shop-web:latest",  # the first restart
        CHANGE,
        "compose run --rm --no-deps --no-TTY --user 0:0",  # the last step
    ],
)
def test_killed_run_is_completed(running: FakeMachine, call: str) -> None:
    """Killed in any step, the database's password is among those that are tried; run again, it is the next one."""
    kill_at(running, call, "postgres_password")
    (new,) = lines_of(running, ".postgres_password.next")
    assert {new, OLD_PASSWORD} & {*lines_of(running, "postgres_password")}
    result = rotate(running, "postgres_password")
    assert result.returncode == 0, result.stdout + result.stderr
    assert lines_of(running, "postgres_password") == [new]
    assert lines_of(running, "postgres_server_password") == [new]
    assert not hidden(running)


def test_password_of_a_server_elsewhere(running: FakeMachine) -> None:
    """It is changed over the network; the file of the project's former database is not changed."""
    rules = running.commands / "rules"
    rules.write_text(rules.read_text().replace(CONFIG, CONFIG_OF_MANAGED))
    result = rotate(running, "postgres_password")
    assert result.returncode == 0, result.stdout + result.stderr
    assert [call for call in running.calls() if call == CHANGE]
    assert lines_of(running, "postgres_password") != [OLD_PASSWORD]
    assert lines_of(running, "postgres_server_password") == [OLD_PASSWORD]
    assert not hidden(running)


def test_secrets_are_in_no_command(running: FakeMachine) -> None:
    """A given secret, quotes included, is in no command line and in no log: others can read those."""
    given = 'it\'s-a-"secret"-of-mine'
    assert rotate(running, "postgres_password", "--from", "-", given=given).returncode == 0
    assert lines_of(running, "postgres_password") == [given]
    logs = "".join(file.read_text() for file in running.checkout.glob("*.log"))
    assert "Set the next password in PostgreSQL" in logs
    assert not [text for text in ("of-mine", OLD_PASSWORD) if text in logs + "\n".join(running.calls())]


def test_first_user(running: FakeMachine) -> None:
    """If the command on the site fails, the file has the previous password again."""
    running.answer("compose run * create_default_user *", "no such table", status=1)
    assert rotate(running, "default_user_password").returncode == 1
    assert lines_of(running, "default_user_password") == [SECRETS["default_user_password"]]
    assert not hidden(running)


def test_readers_are_replaced(running: FakeMachine) -> None:
    """The services that read the secret, as the Compose files say, are replaced, and no others."""
    assert rotate(running, "google_credentials", "--from", "-", given='{"type": "service_account"}').returncode == 0
    assert [call for call in running.calls() if call.startswith("compose rm")] == ["compose rm --stop --force cron"]
