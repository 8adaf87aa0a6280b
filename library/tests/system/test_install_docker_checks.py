"""install_docker.sh, first phase: its refusals, their messages, and that nothing was changed by then."""

import fcntl
import os
import socket
from pathlib import Path

import pytest
from bedplate.testing.checkout import free_port
from fake_machine import FakeMachine

ACTIONS = ("compose pull", "compose build", "compose up", "compose run")


def assert_refuses(machine: FakeMachine, *expected: str, options: tuple[str, ...] = (), **variables: str) -> None:
    """Assert that the install prints all of this, exits with 1, and has changed nothing."""
    before = contents(machine.checkout)
    result = machine.install("--yes", *options, **variables)
    assert result.returncode == 1
    assert "Stopped, nothing was changed: " in result.stderr
    for text in expected:
        assert text in result.stderr
    assert contents(machine.checkout) == before
    calls = machine.calls() if (machine.commands / "calls").exists() else []
    assert not [call for call in calls if call.startswith(ACTIONS)]


def contents(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """Return the contents and the mode of every file of a folder, except Python's bytecode."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.parent.name != "__pycache__")
    return {path: (path.read_bytes(), path.stat().st_mode) for path in files}


def test_docker_is_not_installed(machine: FakeMachine) -> None:
    """The message says where to get Docker, and how to do without."""
    (machine.commands / "docker").unlink()
    assert_refuses(machine, "Docker is not installed", "https://docs.docker.com", "./install_embedded.sh")


def test_engine_is_stopped(machine: FakeMachine) -> None:
    """An installed engine that is stopped must be started, not installed."""
    machine.answer(
        "version *", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?", status=1
    )
    assert_refuses(machine, "the Docker engine is not running", "sudo systemctl start docker")


def test_user_may_not_use_the_engine(machine: FakeMachine) -> None:
    """Permission denied is a separate case, with the group to join."""
    machine.answer("version *", "permission denied while trying to connect to the Docker daemon socket", status=1)
    assert_refuses(machine, "you may not use the Docker engine", "sudo usermod -aG docker")


def test_compose_is_not_installed(machine: FakeMachine) -> None:
    """Docker without Compose: the message names the package."""
    machine.answer("compose version *", "unknown flag: --short", status=125)
    assert_refuses(machine, "Docker Compose is not installed", "docker-compose-plugin")


def test_only_compose_v1_is_there(machine: FakeMachine) -> None:
    """The command of Compose v1 does not count as Compose v2."""
    machine.answer("compose version *", "unknown flag: --short", status=125)
    machine.command("docker-compose", "echo 1.29.2")
    assert_refuses(machine, "(1.29.2), not Compose v2", "Compose v1 ended in 2023")


@pytest.mark.parametrize("version", ["2.6.0", "2.24.7", "v2.25.1"])
def test_compose_is_too_old(machine: FakeMachine, version: str) -> None:
    """A Compose that cannot read our files is refused, with the reason."""
    machine.answer("compose version *", version)
    assert_refuses(machine, f"Docker Compose {version} is too old: 2.26 or newer", "services.yml")


def test_compose_forgets_dependencies(machine: FakeMachine) -> None:
    """Compose 2.32 would start the application before its database."""
    machine.answer("compose version *", "2.32.4")
    assert_refuses(machine, "2.32.4 forgets depends_on", "2.33 or newer")


@pytest.mark.parametrize("version", ["2.40.2", "5.0.1"])
def test_buildx_is_too_old_for_compose(machine: FakeMachine, version: str) -> None:
    """A Compose that builds with buildx needs a recent one."""
    machine.answer("compose version *", version)
    assert_refuses(machine, "buildx 0.17 or newer", "found: 0.13.1")


def test_port_is_taken(machine: FakeMachine) -> None:
    """A taken port is named, with a free one."""
    with socket.create_server(("127.0.0.1", machine.port)):
        assert_refuses(machine, f"port {machine.port} is taken", "./install_docker.sh --port ")


def test_port_option_is_taken(machine: FakeMachine) -> None:
    """The requested port counts, not the one in `.env`."""
    machine.write_dotenv()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert_refuses(machine, f"port {port} is taken", options=("--port", port))


@pytest.mark.parametrize("port", ["0", "65536", "80a", "http"])
def test_invalid_port_in_the_environment(machine: FakeMachine, port: str) -> None:
    """HTTP_PORT must be a port."""
    assert_refuses(machine, f"HTTP_PORT is '{port}', not a port", HTTP_PORT=port)


def test_invalid_project_name(machine: FakeMachine) -> None:
    """The slug becomes part of a host name: no capitals, spaces or underscores."""
    assert_refuses(machine, "COMPOSE_PROJECT_NAME is 'My Shop'", COMPOSE_PROJECT_NAME="My Shop")


@pytest.mark.parametrize("key", ["POSTGRES_PASSWORD", "SECRET_KEY", "HTTP_PORT", "HOST_UID", "COMPOSE_PROJECT_NAME"])
def test_dotenv_lacks_a_value(machine: FakeMachine, key: str) -> None:
    """An incomplete `.env` is refused, with the names of missing values."""
    machine.write_dotenv(**{key: ""})
    assert_refuses(machine, ".env is not complete", f"{key} is missing or empty")


def test_dotenv_holds_placeholders(machine: FakeMachine) -> None:
    """Every placeholder left in `.env` is named, in one message."""
    machine.write_dotenv(SECRET_KEY="change-me", POSTGRES_PASSWORD='"change-me" # later')
    assert_refuses(machine, "SECRET_KEY still holds the placeholder", "POSTGRES_PASSWORD still holds the placeholder")


def test_dotenv_is_of_another_person(machine: FakeMachine) -> None:
    """With a `.env` copied from someone else, files would belong to that person."""
    machine.write_dotenv(HOST_UID="4321")
    assert_refuses(machine, "HOST_UID in .env is 4321, which is not you", f"Set it in .env: HOST_UID={os.getuid()}")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("path", ["", "web"])
def test_folder_belongs_to_someone_else(machine: FakeMachine, path: str) -> None:
    """Containers of this person could not write to that folder."""
    os.chown(machine.checkout / path, 4321, 4321)
    assert_refuses(machine, "belongs to someone else", "sudo chown -R")


def test_database_is_there_without_dotenv(machine: FakeMachine) -> None:
    """A new password would not open the existing database: it is refused before one is written."""
    machine.answer("volume inspect shop_postgres_data")
    assert_refuses(machine, "volume shop_postgres_data", "Put the .env of that database back", "LOSING ALL DATA")


def test_project_runs_from_another_folder(machine: FakeMachine, tmp_path: Path) -> None:
    """Two clones with one name would share a database: the message says how the second one gets its own."""
    machine.answer("ps --all *", str(tmp_path))
    assert_refuses(machine, f"another folder: {tmp_path}", "COMPOSE_PROJECT_NAME=shop-2 ./install_docker.sh --port")


def test_disk_is_full(machine: FakeMachine) -> None:
    """The message names the folder, the free space and the needed space."""
    machine.command("df", "printf 'Filesystem\\n/dev/vda 9 9 %d 99%% /\\n' $((4 * 1024 * 1024))")
    assert_refuses(machine, "/ has 4096 MB of free disk space; 5 GB are needed", "docker system df")


@pytest.mark.parametrize("absent", ["perl", "flock"])
def test_another_install_is_running(machine: FakeMachine, absent: str) -> None:
    """Two installs of one checkout at a time would overwrite each other's work. macOS has perl instead of flock."""
    (machine.commands / absent).unlink()
    with (machine.checkout / "install_docker.sh").open() as script:
        fcntl.flock(script, fcntl.LOCK_EX)
        assert_refuses(machine, "another install, deploy, rotation or restore of this project is running")


def test_moved_folder_is_the_same_project(machine: FakeMachine, tmp_path: Path) -> None:
    """Containers of a folder that is gone belong to this project, which was moved."""
    machine.answer("ps --all *", str(tmp_path / "gone"))
    machine.write_dotenv()
    assert machine.install().returncode == 0


def test_own_port_is_not_taken(machine: FakeMachine) -> None:
    """The port of the running stack is no conflict."""
    machine.write_dotenv()
    machine.answer("ps --quiet *", "0123456789ab")
    with socket.create_server(("127.0.0.1", machine.port)):
        assert machine.install().returncode == 0


def test_second_run_needs_little_disk(machine: FakeMachine) -> None:
    """A second run is not refused for the space that the first one used."""
    machine.command("df", "printf 'Filesystem\\n/dev/vda 9 9 %d 99%% /\\n' $((2 * 1024 * 1024))")
    machine.answer("image inspect shop-web:local")
    assert machine.install().returncode == 0


@pytest.mark.parametrize(
    "options",
    [["--prot", "8000"], ["8000"], ["--port"], ["--port", "0"], ["--port", "65536"], ["--port=8o00"], ["--port", ""]],
)
def test_wrong_options(machine: FakeMachine, options: list[str]) -> None:
    """A wrong option gets the usage on standard error, exit status 2, and no action."""
    result = machine.install(*options)
    assert result.returncode == 2
    assert "usage: ./install_docker.sh" in result.stderr
    assert not result.stdout
    assert not (machine.commands / "calls").exists()


def test_help(machine: FakeMachine) -> None:
    """--help lists the options and the environment variables, and does nothing."""
    result = machine.install("--help")
    assert result.returncode == 0
    begin = {line.strip().partition("  ")[0] for line in result.stdout.splitlines()}
    assert {"--port N", "-y, --yes", "-h, --help", "COMPOSE_PROJECT_NAME"} <= begin
    assert not (machine.commands / "calls").exists()


def test_port_with_equals_sign(machine: FakeMachine) -> None:
    """--port=N is --port N."""
    port = free_port()
    assert machine.install(f"--port={port}").returncode == 0
    assert f"HTTP_PORT={port}\n" in (machine.checkout / ".env").read_text()


@pytest.mark.parametrize(
    "options",
    [
        ["--environment"],
        ["--environment", "test"],
        ["--domain", "www.example.com"],
        ["--environment", "prod", "--https-port", "x"],
    ],
)
def test_wrong_options_of_a_server(machine: FakeMachine, options: list[str]) -> None:
    """An unknown environment, or a server's option in LOCAL, gets the usage."""
    result = machine.install(*options)
    assert result.returncode == 2
    assert "usage: ./install_docker.sh" in result.stderr
    assert not (machine.commands / "calls").exists()


@pytest.mark.parametrize("zone", ["Mars/Olympus", "europe/zurich", "Europe", "../../etc/passwd", "CET CEST"])
def test_invalid_time_zone(machine: FakeMachine, tmp_path: Path, zone: str) -> None:
    """Django, cron and Flower would not start with it."""
    machine.write_dotenv(TIME_ZONE=zone)
    assert_refuses(machine, f"TIME_ZONE in .env is '{zone}'", "Europe/Zurich", TZDIR=str(zones(tmp_path)))


@pytest.mark.parametrize("zone", ["Europe/Zurich", "US/Eastern", "UTC"])
def test_time_zone(machine: FakeMachine, tmp_path: Path, zone: str) -> None:
    """A zone of the machine's list is accepted, and an older name for one."""
    machine.write_dotenv(TIME_ZONE=zone)
    result = machine.install(TZDIR=str(zones(tmp_path)))
    assert result.returncode == 0, result.stderr


def zones(directory: Path) -> Path:
    """Return the folder of a machine's list of time zones."""
    (directory / "zones/Europe").mkdir(parents=True)
    for name in ("UTC", "Europe/Zurich"):
        (directory / "zones" / name).touch()
    (directory / "zones/tzdata.zi").write_text("Z America/New_York -4:56 u L\nL America/New_York US/Eastern\n")
    return directory / "zones"


def test_project_was_installed_under_another_name(machine: FakeMachine) -> None:
    """The data under the earlier name would not be seen: a person must confirm. The name is remembered."""
    assert machine.install().returncode == 0
    dotenv = machine.checkout / ".env"
    dotenv.write_text(dotenv.read_text().replace("COMPOSE_PROJECT_NAME=shop", "COMPOSE_PROJECT_NAME=bakery"))
    machine.answer("volume inspect shop_postgres_data")
    (machine.commands / "calls").unlink()
    assert_refuses(machine, "this folder was installed as 'shop'", "shop_postgres_data", "--new-database")
    result = machine.install("--new-database")
    assert result.returncode == 0, result.stderr
    assert machine.install().returncode == 0


def test_containers_have_another_name(machine: FakeMachine) -> None:
    """Without a record of the earlier name, the folder's containers have it."""
    machine.write_dotenv(COMPOSE_PROJECT_NAME="bakery")
    machine.answer(f"ps --all --filter label=com.docker.compose.project.working_dir={machine.checkout} *", "shop")
    machine.answer("volume inspect shop_postgres_data")
    assert_refuses(machine, "this folder was installed as 'shop'", "set COMPOSE_PROJECT_NAME=shop in .env")


def test_copied_dotenv_is_for_a_second_installation(machine: FakeMachine, tmp_path: Path) -> None:
    """A copied folder with another name loses nothing: the other folder has the data."""
    machine.write_dotenv(COMPOSE_PROJECT_NAME="bakery")
    (machine.checkout / ".installed_as").write_text("shop\n")
    machine.answer("volume inspect shop_postgres_data")
    machine.answer("ps --all --filter label=com.docker.compose.project=shop *", str(tmp_path))
    assert machine.install().returncode == 0
