"""`./bedplate deploy`, first phase: refusals before anything is changed."""

import re
import shutil
import subprocess

import pytest
from bedplate.host.deploy.release import newest
from bedplate.testing.checkout import committed
from fake_machine import FakeMachine


def deploy(machine: FakeMachine, *options: str) -> "subprocess.CompletedProcess[str]":
    """Return the result of ./bedplate deploy."""
    return subprocess.run(
        [machine.checkout / "bedplate", "deploy", "--yes", *options],
        env=machine.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


def assert_refuses(machine: FakeMachine, *said: str, options: tuple[str, ...] = ()) -> None:
    """Assert that the deploy stops with these words, and runs nothing that changes anything."""
    result = deploy(machine, *options)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "Stopped, nothing was changed" in result.stderr
    for text in said:
        assert text in result.stderr
    asked = (
        "version",
        "info",
        "compose version",
        "compose config",
        "compose ps",
        "buildx",
        "inspect",
        "image",
        "node ls",
    )
    assert not [call for call in machine.calls() if not call.startswith(asked)]


def write_dotenv(machine: FakeMachine, **values: str) -> None:
    """Write a server's `.env`, and the secrets that every server has."""
    usual = {
        "COMPOSE_FILE": "prod.yml",
        "HTTPS_PORT": "443",
        "DOMAIN": "www.example.com",
        "ADMIN_EMAIL": "a@example.com",
    }
    machine.write_dotenv(**usual | {"SECRET_KEY": "", "POSTGRES_PASSWORD": "", "DEFAULT_USER_PASSWORD": ""} | values)
    folder = machine.checkout / "secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in ("secret_key", "postgres_password", "default_user_password"):
        (folder / name).write_text(f"a-{name}-of-more-than-32-characters")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rollback", "--pull", "1.2"], "--rollback goes to the previous release"),
        (["--rollback", "--restart"], "--rollback goes to the previous release"),
        (["--restart", "--pull", "1.2"], "--restart is for the running release"),
        (["--pull", "a b"], "--pull needs the tag of a release, not 'a b'"),
        (["--pull"], "--pull needs a value"),
        (["--wait", "soon"], "--wait needs a number of seconds, not 'soon'"),
        (["--now"], "Unknown option: --now"),
    ],
)
def test_wrong_options(machine: FakeMachine, options: list[str], said: str) -> None:
    """They are printed with the usage."""
    result = deploy(machine, *options)
    assert result.returncode == 2
    assert result.stderr.startswith(said)
    assert "usage: ./bedplate deploy" in result.stderr


def test_nothing_is_installed(machine: FakeMachine) -> None:
    """Without `.env` there is no server."""
    assert_refuses(machine, "nothing is installed in this folder", "./install_docker.sh --environment prod")


def test_local(machine: FakeMachine) -> None:
    """LOCAL cannot be deployed to."""
    machine.write_dotenv()
    assert_refuses(machine, "this folder is LOCAL")


def test_stack_that_does_not_run(machine: FakeMachine) -> None:
    """Missing services are named, with the command that starts them."""
    write_dotenv(machine)
    assert_refuses(machine, "the stack does not run: postgres valkey nginx", "docker compose up --detach --wait")


def test_release_missing_in_env(machine: FakeMachine) -> None:
    """Without RELEASE the serving release is unknown."""
    write_dotenv(machine, RELEASE="")
    assert_refuses(machine, ".env does not say which release runs")


def test_web_of_another_release(machine: FakeMachine) -> None:
    """If `.env` and the running release disagree, a rollback could end with nothing."""
    write_dotenv(machine, RELEASE="1.2")
    machine.answer("compose ps *", "1234")
    machine.answer("inspect *", "1234 shop-web-1 shop-web:1.1 running")
    assert_refuses(machine, "web runs shop-web:1.1, but .env says RELEASE=1.2", options=("--no-backup",))


def test_image_that_does_not_exist(machine: FakeMachine) -> None:
    """A release that the registry does not know is reported as such; so is that the old one serves."""
    write_dotenv(machine, RELEASE="1.1", REGISTRY="registry.example.com/")
    machine.answer("compose ps *", "1234")
    machine.answer("inspect *", "1234 shop-web-1 registry.example.com/shop-web:1.1 running")
    machine.answer("compose * pull *", "manifest for registry.example.com/shop-web:1.2 not found", status=1)
    result = deploy(machine, "--no-backup", "--pull", "1.2")
    assert result.returncode == 1
    assert "there is no such image" in result.stderr
    assert "Check the tag, and REGISTRY in .env" in result.stderr
    assert "Going back to the release 1.1" in result.stderr


def test_image_of_the_way_back_is_gone(machine: FakeMachine) -> None:
    """A rollback to removed images is refused, with their names."""
    write_dotenv(machine, RELEASE="1.2", PREVIOUS_RELEASES="1.1 1.0")
    machine.answer("compose ps *", "1234")
    machine.answer("inspect *", "1234 shop-web-1 shop-web:1.2 running")
    assert_refuses(machine, "its image shop-web:1.1 is gone", options=("--rollback",))


def test_compose_file_that_cannot_be_read(machine: FakeMachine) -> None:
    """An error in the file is reported before anything is changed, in Compose's words."""
    write_dotenv(machine, RELEASE="1.1")
    machine.answer("compose config", "services.extra Additional property imge is not allowed", status=15)
    assert_refuses(machine, "Docker Compose cannot read prod.yml", "Additional property imge")


def test_invalid_time_zone(machine: FakeMachine) -> None:
    """A restart with it would end with containers that do not start."""
    write_dotenv(machine, RELEASE="1.1", TIME_ZONE="Nowhere At All")
    assert_refuses(machine, "TIME_ZONE in .env is 'Nowhere At All'")


def test_pull_from_nowhere(machine: FakeMachine) -> None:
    """Without a registry, a release that is not here cannot be pulled; those that are here are listed."""
    write_dotenv(machine, RELEASE="1.1", REGISTRY="")
    machine.answer("compose ps *", "1234")
    machine.answer("inspect *", "1234 shop-web-1 shop-web:1.1 running")
    machine.answer("image ls *", "1.1\\n1.0")
    said = ("REGISTRY in .env is empty", "Here are: 1.1 1.0", "./bedplate deploy --pull TAG")
    assert_refuses(machine, *said, options=("--no-backup", "--pull", "1.2"))


def test_container_of_a_person_is_no_release(machine: FakeMachine) -> None:
    """A container of `docker compose run web`, stopped or running, does not count as the serving web."""
    write_dotenv(machine, RELEASE="1.2")
    machine.answer("compose ps *", "1234")
    machine.answer(
        "inspect *",
        "1234 shop-web-run-1 shop-web:1.1 running True\\n5678 shop-web-1 shop-web:1.2 running False",
    )
    machine.answer("compose --env-file * build", "no", status=1)
    result = deploy(machine, "--no-backup")
    assert "[3/9] Build the images" in result.stdout, result.stderr
    assert not [call for call in machine.calls() if "shop-web-run-1" in call]


def test_release_name_marks_uncommitted_work(machine: FakeMachine) -> None:
    """A release of uncommitted work has another name than the clean commit, and each such work its own."""
    write_dotenv(machine, RELEASE="1.1")
    machine.answer("compose ps *", "1234")
    machine.answer("inspect *", "1234 shop-web-1 shop-web:1.1 running")
    machine.answer("compose --env-file * build", "no", status=1)
    (machine.commands / "git").symlink_to(shutil.which("git") or "git")
    with committed(machine.checkout):
        clean = name_of_release(machine)
        (machine.checkout / "README.md").write_text("changed")
        changed = name_of_release(machine)
        (machine.checkout / "new.txt").write_text("new")
        names = {clean, changed, name_of_release(machine)}
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{7,}", clean)
    endings = [name.partition("-dirty-")[2] for name in names - {clean}]
    assert len(set(endings)) == 2
    assert all(re.fullmatch("[0-9a-f]{7}", ending) for ending in endings)


def name_of_release(machine: FakeMachine) -> str:
    """Return the name of a release of the folder in its current state."""
    (name,) = re.findall(r"^  Then +(\S+), from this folder", deploy(machine, "--no-backup").stdout, re.MULTILINE)
    return str(name)


@pytest.mark.parametrize(
    ("old", "previous", "kept"),
    [("first", "", "first"), ("third", "second first", "third second"), ("second", "second first", "second first")],
)
def test_two_releases_are_kept_to_go_back_to(old: str, previous: str, kept: str) -> None:
    assert newest(old, "new", previous) == kept
