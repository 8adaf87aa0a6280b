"""install_docker.sh for DEV and PROD: its refusals, and what to do."""

import socket
import subprocess
from pathlib import Path
from typing import Final

import pytest
from bedplate.testing.checkout import free_port
from fake_machine import FakeMachine
from fake_server import DOMAIN, OPTIONS, install, installed
from test_install_docker_checks import assert_refuses
from test_install_docker_steps import values

MOUNTED: Final = "services:\\n  cron:\\n    volumes:\\n      - source: /srv/backups\\n        target: /srv/backups\\n"


@pytest.mark.parametrize(
    "domain", ["localhost", "https://www.example.com", "203.0.113.7", "www.example.com:443", "a b.c"]
)
def test_invalid_domain(server: FakeMachine, domain: str) -> None:
    """An invalid name of a site is refused, with an example."""
    options = ("--environment", "prod", "--admin-email", "you@example.com", "--domain", domain)
    assert_refuses(server, f"DOMAIN is '{domain}'", "www.example.com", options=options)


def test_invalid_mail_address(server: FakeMachine) -> None:
    """The first user needs an address that mail can reach."""
    options = ("--environment", "prod", "--domain", DOMAIN, "--admin-email", "me")
    assert_refuses(server, "ADMIN_EMAIL is 'me'", "you@example.com", options=options)


def test_domain_leads_nowhere(server: FakeMachine) -> None:
    """A server may be set up before its name points to it: that is reported, and is no reason to stop."""
    server.command("getent", "exit 2")
    result = install(server)
    assert result.returncode == 0
    assert f"{DOMAIN} does not resolve yet" in result.stdout
    server.command("getent", "exit 0")
    assert "does not resolve yet" not in server.install().stdout


@pytest.mark.parametrize("option", ["--port", "--https-port"])
def test_port_is_taken(server: FakeMachine, option: str) -> None:
    """A taken port is named, with the option that takes another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        options = ("--environment", "prod", *OPTIONS, "--port", str(free_port()), "--https-port", str(free_port()))
        expected = (f"port {port} is taken by another program", f"--environment prod {option} ")
        assert_refuses(server, *expected, options=(*options, option, port))


def test_port_is_of_another_environment(server: FakeMachine) -> None:
    """DEV beside PROD on one machine: the message says whose port it is, and how to take another."""
    server.answer("ps --filter publish=*", "shop")
    with socket.create_server(("127.0.0.1", server.port)):
        assert_refuses(server, "taken by the project 'shop'", options=("--environment", "dev", *OPTIONS))


def test_name_is_of_another_environment(server: FakeMachine, tmp_path: Path) -> None:
    """DEV under the name of PROD would share its database: the message gives it a name and ports of its own."""
    server.answer("ps --all *", str(tmp_path))
    command = "COMPOSE_PROJECT_NAME=shop-2 ./install_docker.sh --environment dev --port"
    assert_refuses(server, f"another folder: {tmp_path}", command, options=("--environment", "dev", *OPTIONS))


@pytest.mark.parametrize(("first", "second"), [("prod", "dev"), ("dev", "prod"), ("prod", "local")])
def test_folder_is_another_environment(server: FakeMachine, first: str, second: str) -> None:
    """A folder keeps the environment that was installed."""
    installed(server, first)
    (server.commands / "calls").unlink()
    message = f"this folder is {first.upper()} already (its .env says so), not {second.upper()}"
    assert_refuses(server, message, options=("--environment", second))


def test_local_folder_does_not_become_a_server(machine: FakeMachine) -> None:
    """A developer's folder, whose secrets are in `.env`, does not turn into PROD."""
    machine.write_dotenv()
    assert_refuses(machine, "this folder is LOCAL already", options=("--environment", "prod", *OPTIONS))


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("secret_key", None, "secrets/secret_key is missing"),
        ("secret_key", "", "secrets/secret_key is too short to be a secret: 0 characters, 32 at least"),
        ("secret_key", "change-me" * 8, "secrets/secret_key holds the placeholder"),
        ("secret_key", f"short\n{'a-good-key-' * 4}", "secrets/secret_key is too short to be a secret: 5 characters"),
        ("postgres_password", "postgres", "secrets/postgres_password is too short"),
        (
            "dev_password",
            "dev:{PLAIN}dev",
            "secrets/dev_password: the password is too short: 3 characters, 12 at least",
        ),
        ("dev_password", "dev:{PLAIN}12:a-long-password", "secrets/dev_password: it has a colon"),
        ("dev_password", "only-a-long-password", "secrets/dev_password: it must be dev:{PLAIN} and then the password"),
        ("default_user_password", None, "secrets/default_user_password is missing"),
    ],
)
def test_invalid_secret(server: FakeMachine, name: str, content: str | None, problem: str) -> None:
    """A missing or weak secret is refused before anything changes, with the command that makes one."""
    secret = installed(server, "dev") / "secrets" / name
    if content is None:
        secret.unlink()
    else:
        secret.write_text(content)
    (server.commands / "calls").unlink()
    assert_refuses(server, problem, "openssl rand -hex 32")


def test_secret_is_in_dotenv(server: FakeMachine) -> None:
    """A secret in a server's `.env` would override the file, and show in docker inspect."""
    with (installed(server) / ".env").open("a") as dotenv:
        dotenv.write("SECRET_KEY=a-secret-key-of-more-than-32-characters\n")
    (server.commands / "calls").unlink()
    assert_refuses(server, "SECRET_KEY is in .env", "secrets/secret_key")


@pytest.mark.parametrize("files", ["ours/prod.yml", "more.yml:prod.yml", "/srv/site/prod.yml"])
def test_unknown_first_compose_file(server: FakeMachine, files: str) -> None:
    """If COMPOSE_FILE begins with another file, the environment is unknown."""
    dotenv = installed(server) / ".env"
    dotenv.write_text(dotenv.read_text().replace("COMPOSE_FILE=prod.yml", f"COMPOSE_FILE={files}"))
    (server.commands / "calls").unlink()
    assert_refuses(server, f"COMPOSE_FILE in .env is '{files}'", "COMPOSE_FILE=prod.yml:ours/more.yml")


def test_compose_files_of_a_team_follow_ours(server: FakeMachine) -> None:
    """PROD with a file of the team's own, in any folder, is PROD, and stays PROD."""
    dotenv = installed(server) / ".env"
    dotenv.write_text(dotenv.read_text().replace("COMPOSE_FILE=prod.yml", "COMPOSE_FILE=prod.yml:ours/more.yml"))
    result = server.install()
    assert result.returncode == 0, result.stderr
    assert "(PROD) runs:" in result.stdout
    assert values(dotenv)["COMPOSE_FILE"] == "prod.yml:ours/more.yml"


def test_backup_folder_that_nothing_mounts(server: FakeMachine) -> None:
    """Cron would not find a folder of the server; one that a team's file mounts is accepted."""
    options = ("--environment", "prod", *OPTIONS)
    said = ("BACKUP_URL is file:///srv/backups", "A folder on the server")
    assert_refuses(server, *said, options=options, BACKUP_URL="file:///srv/backups", HTTPS_PORT=str(free_port()))
    below = "file:///data/uploads/backups"
    assert_refuses(server, f"BACKUP_URL is {below}", options=options, BACKUP_URL=below, HTTPS_PORT=str(free_port()))
    assert install(server, BACKUP_URL="file:///data/backups").returncode == 0
    dotenv = server.checkout / ".env"
    dotenv.write_text(dotenv.read_text().replace("file:///data/backups", "file:///srv/backups"))
    (server.commands / "calls").unlink()
    assert_refuses(server, *said)
    server.answer("compose config", f"{MOUNTED}%SECRETS%")
    result = server.install()
    assert result.returncode == 0, result.stderr
    assert "they are on this machine; keep copies elsewhere" in result.stdout


def test_backup_folder_that_a_file_of_the_team_mounts_before_the_first_install(server: FakeMachine) -> None:
    """Without `.env`, Compose gets the files of the future one."""
    server.answer("compose *config", f"{MOUNTED}%SECRETS%")
    result = install(server, BACKUP_URL="file:///srv/backups/shop", COMPOSE_FILE="prod.yml:backups.yml")
    assert result.returncode == 0, result.stderr
    assert values(server.checkout / ".env")["BACKUP_URL"] == "file:///srv/backups/shop"


@pytest.mark.parametrize(
    ("url", "service", "mount"),
    [
        ("file:///srv/backups", "web", "source: /srv"),
        ("file:///srv/backups/../uploads", "cron", "source: /srv/uploads"),
        ("file:///certificates/backups", "nginx", "source: certificates"),
    ],
)
def test_backup_folder_in_a_volume_of_another_service(server: FakeMachine, url: str, service: str, mount: str) -> None:
    """That service could read and change the backups."""
    cron = MOUNTED + "      - source: certificates\\n        target: /certificates\\n"
    other = f"  {service}:\\n    volumes:\\n      - {mount}\\n        target: /somewhere\\n"
    server.answer("compose *config", f"{cron}{other if service != 'cron' else ''}%SECRETS%")
    said = "is not mounted" if service == "cron" else f"in a volume of {service}"
    assert_refuses(server, f"BACKUP_URL is {url}", said, options=("--environment", "prod", *OPTIONS), BACKUP_URL=url)


def test_server_signs_in_to_no_bucket(server: FakeMachine) -> None:
    """`-a` stores a person's credentials; a server's are a secret, and the message says how to give it."""
    result = subprocess.run(
        [installed(server) / "google_storage.sh", "-a"],
        env=server.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1
    assert "./bedplate rotate-secret google_credentials --from key.json" in result.stderr
