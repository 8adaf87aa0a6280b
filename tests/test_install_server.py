"""install_docker.sh for DEV and PROD: what it asks, refuses, writes and runs."""

import os
import pty
import re
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from checkout import free_port
from fake_machine import FakeMachine
from test_install_docker_checks import assert_refuses, contents
from test_install_docker_steps import read_until, values

DOMAIN = "www.example.com"
OPTIONS = ("--domain", DOMAIN, "--admin-email", "you@example.com")
SECRETS = {"secret_key", "postgres_password", "postgres_server_password", "default_user_password"}
OPTIONAL = {"email_password", "google_credentials", "backup_age_identity"}


@pytest.fixture
def server(machine: FakeMachine) -> FakeMachine:
    """Return a machine on which a server can be installed: the name of the site leads somewhere."""
    machine.command("getent", "exit 0")
    return machine


def install(
    server: FakeMachine, environment: str = "prod", *options: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the install of a server, with a free port for HTTPS."""
    variables = {"HTTPS_PORT": str(free_port()), **variables}
    return server.install("--environment", environment, *OPTIONS, *options, **variables)


def installed(server: FakeMachine, environment: str = "prod") -> Path:
    """Return the folder of a server that is installed."""
    result = install(server, environment)
    assert result.returncode == 0, result.stderr
    return server.checkout


@pytest.mark.parametrize(("environment", "more"), [("prod", set()), ("dev", {"dev_password"})])
def test_secrets_are_made(server: FakeMachine, environment: str, more: set[str]) -> None:
    """Each secret is a file for its owner alone; the necessary ones long, unlike each other, in no other file."""
    folder = installed(server, environment) / "secrets"
    files = {path.name: path for path in folder.iterdir()}
    assert files.keys() == SECRETS | OPTIONAL | more
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    assert {name for name, path in files.items() if not path.stat().st_size} == OPTIONAL
    made = {name: files[name].read_text() for name in SECRETS}
    assert made.pop("postgres_server_password") == made["postgres_password"]
    assert len(set(made.values())) == 3
    assert min(map(len, made.values())) >= 24
    others = b"".join(content for path, (content, _mode) in contents(server.checkout).items() if path.parent != folder)
    assert not [secret for secret in made.values() if secret.encode() in others]


def test_dotenv_of_a_server(server: FakeMachine) -> None:
    """`.env` names the environment's file, the site and who runs it, and holds no secret."""
    result = install(server, HTTPS_PORT="8443", BIND_ADDRESS="127.0.0.1", BACKUP_URL="gs://backups")
    assert result.returncode == 0, result.stderr
    made = values(server.checkout / ".env")
    expected = {
        "COMPOSE_FILE": "prod.yml",
        "DOMAIN": DOMAIN,
        "ADMIN_EMAIL": "you@example.com",
        "DEFAULT_USER_EMAIL": "you@example.com",
        "DEFAULT_FROM_EMAIL": f"noreply@{DOMAIN}",
        "HTTP_PORT": str(server.port),
        "HTTPS_PORT": "8443",
        "BIND_ADDRESS": "127.0.0.1",
        "BACKUP_URL": "gs://backups",
        "ACME_SERVER": "letsencrypt",
        "RELEASE": "latest",
    }
    assert made | expected == made
    assert not made.keys() & {"SECRET_KEY", "POSTGRES_PASSWORD", "DEFAULT_USER_PASSWORD"}
    assert stat.S_IMODE((server.checkout / ".env").stat().st_mode) == 0o600


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_root_gives_the_secrets_away(server: FakeMachine) -> None:
    """Installed by root, the containers run as 1000, who owns the secrets; PostgreSQL gets its own from a container."""
    folder = installed(server) / "secrets"
    assert {(path.stat().st_uid, path.stat().st_gid) for path in folder.iterdir() if "server" not in path.name} == {
        (1000, 1000)
    }
    assert values(server.checkout / ".env")["HOST_UID"] == "1000"
    (given,) = [call for call in server.calls() if "--entrypoint chown" in call]
    assert given.endswith(f"{folder}/postgres_server_password:/secret postgres 999:999 /secret")


def test_ports_of_a_server(server: FakeMachine) -> None:
    """Without a word about ports a server has 80 and 443; the plan says so."""
    result = server.install("--environment", "prod", *OPTIONS, HTTP_PORT="")
    ports = re.findall(r"Ports +(.+)", result.stdout) or re.findall(r"port (80|443) is taken", result.stderr)
    assert ports in (["80 and 443 on 0.0.0.0"], ["80"], ["443"])


@pytest.mark.parametrize("missing", ["--domain", "--admin-email"])
def test_nobody_to_ask(server: FakeMachine, missing: str) -> None:
    """Without a terminal, what a server needs to know must be given."""
    at = OPTIONS.index(missing)
    given = OPTIONS[:at] + OPTIONS[at + 2 :]
    assert_refuses(server, f"a server needs {missing}", options=("--environment", "prod", *given))


def test_terminal_is_asked(server: FakeMachine) -> None:
    """On a terminal it asks for domain and address, then shows the plan."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [server.checkout / "install_docker.sh", "--environment", "dev"],
        env=server.environment(HTTPS_PORT=str(free_port())),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    for question, answer in (("www.example.com: ", DOMAIN), ("errors: ", "you@example.com"), ("Go on? [Y/n] ", "y")):
        read_until(controller, question.encode())
        os.write(controller, f"{answer}\n".encode())
    read_until(controller, b"")
    os.close(controller)
    assert process.wait(timeout=30) == 0
    assert values(server.checkout / ".env")["DOMAIN"] == DOMAIN


@pytest.mark.parametrize(
    "domain", ["localhost", "https://www.example.com", "203.0.113.7", "www.example.com:443", "a b.c"]
)
def test_domain_is_none(server: FakeMachine, domain: str) -> None:
    """What is no name of a site is refused, with an example."""
    options = ("--environment", "prod", "--admin-email", "you@example.com", "--domain", domain)
    assert_refuses(server, f"DOMAIN is '{domain}'", "www.example.com", options=options)


def test_mail_address_is_none(server: FakeMachine) -> None:
    """The first user needs an address that mail can reach."""
    options = ("--environment", "prod", "--domain", DOMAIN, "--admin-email", "me")
    assert_refuses(server, "ADMIN_EMAIL is 'me'", "you@example.com", options=options)


def test_domain_leads_nowhere(server: FakeMachine) -> None:
    """A server may be set up before its name points to it: that it does not is said, and no reason to stop."""
    server.command("getent", "exit 2")
    result = install(server)
    assert result.returncode == 0
    assert f"{DOMAIN} leads nowhere yet" in result.stdout
    server.command("getent", "exit 0")
    assert "leads nowhere" not in server.install().stdout


@pytest.mark.parametrize("option", ["--port", "--https-port"])
def test_port_is_taken(server: FakeMachine, option: str) -> None:
    """A taken port is named, with the option that takes another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        options = ("--environment", "prod", *OPTIONS, "--port", str(free_port()), "--https-port", str(free_port()))
        expected = (f"port {port} is taken by another program", f"--environment prod {option} ")
        assert_refuses(server, *expected, options=(*options, option, port))


def test_port_is_of_another_environment(server: FakeMachine) -> None:
    """DEV beside PROD on one machine: whose port it is, and how to take another."""
    server.answer("ps --filter publish=*", "shop")
    with socket.create_server(("127.0.0.1", server.port)):
        assert_refuses(server, "taken by the project 'shop'", options=("--environment", "dev", *OPTIONS))


def test_name_is_of_another_environment(server: FakeMachine, tmp_path: Path) -> None:
    """DEV under the name of PROD would share its database: it gets a name and ports of its own."""
    server.answer("ps --all *", str(tmp_path))
    command = "COMPOSE_PROJECT_NAME=shop-2 ./install_docker.sh --environment dev --port"
    assert_refuses(server, f"another folder: {tmp_path}", command, options=("--environment", "dev", *OPTIONS))


@pytest.mark.parametrize(("first", "second"), [("prod", "dev"), ("dev", "prod"), ("prod", "local")])
def test_folder_is_another_environment(server: FakeMachine, first: str, second: str) -> None:
    """A folder stays what it was installed as."""
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
        ("dev_password", "dev:{PLAIN}dev", "secrets/dev_password is too short"),
        ("default_user_password", None, "secrets/default_user_password is missing"),
    ],
)
def test_secret_is_none(server: FakeMachine, name: str, content: str | None, problem: str) -> None:
    """A missing or weak secret is refused before anything changes, with how to make one."""
    secret = installed(server, "dev") / "secrets" / name
    if content is None:
        secret.unlink()
    else:
        secret.write_text(content)
    (server.commands / "calls").unlink()
    assert_refuses(server, problem, "openssl rand -hex 32")


def test_secret_is_in_dotenv(server: FakeMachine) -> None:
    """A secret in a server's `.env` would go before the file, and show in docker inspect."""
    with (installed(server) / ".env").open("a") as dotenv:
        dotenv.write("SECRET_KEY=a-secret-key-of-more-than-32-characters\n")
    (server.commands / "calls").unlink()
    assert_refuses(server, "SECRET_KEY is in .env", "secrets/secret_key")


@pytest.mark.parametrize("files", ["ours/prod.yml", "more.yml:prod.yml", "/srv/site/prod.yml"])
def test_first_file_is_none_of_ours(server: FakeMachine, files: str) -> None:
    """Where COMPOSE_FILE begins with another file, nobody can tell which environment it is."""
    dotenv = installed(server) / ".env"
    dotenv.write_text(dotenv.read_text().replace("COMPOSE_FILE=prod.yml", f"COMPOSE_FILE={files}"))
    (server.commands / "calls").unlink()
    assert_refuses(server, f"COMPOSE_FILE in .env is '{files}'", "COMPOSE_FILE=prod.yml:ours/more.yml")


def test_files_of_a_team_follow_ours(server: FakeMachine) -> None:
    """PROD with a file of the team's own, in whatever folder, is PROD, and stays so."""
    dotenv = installed(server) / ".env"
    dotenv.write_text(dotenv.read_text().replace("COMPOSE_FILE=prod.yml", "COMPOSE_FILE=prod.yml:ours/more.yml"))
    result = server.install()
    assert result.returncode == 0, result.stderr
    assert "(PROD) runs:" in result.stdout
    assert values(dotenv)["COMPOSE_FILE"] == "prod.yml:ours/more.yml"


def test_backup_folder_that_nothing_mounts(server: FakeMachine) -> None:
    """Cron would not find a folder of the server; one that a file of the team's mounts is taken."""
    options = ("--environment", "prod", *OPTIONS)
    said = ("BACKUP_URL is file:///srv/backups", "A folder on the server")
    assert_refuses(server, *said, options=options, BACKUP_URL="file:///srv/backups", HTTPS_PORT=str(free_port()))
    assert install(server, BACKUP_URL="file:///data/backups").returncode == 0
    dotenv = server.checkout / ".env"
    dotenv.write_text(dotenv.read_text().replace("file:///data/backups", "file:///srv/backups"))
    (server.commands / "calls").unlink()
    assert_refuses(server, *said)
    server.answer("compose config", "        source: /srv/backups\\n        target: /srv/backups")
    result = server.install()
    assert result.returncode == 0, result.stderr
    assert "they are on this machine; keep copies elsewhere" in result.stdout


def test_server_signs_in_to_no_bucket(server: FakeMachine) -> None:
    """What `-a` stores is a person's; a server's credentials are a secret, and the way to give it one is told."""
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
    assert "./rotate_secret.sh google_credentials --from key.json" in result.stderr


def test_second_run_changes_nothing(server: FakeMachine) -> None:
    """Run again without a word, it is the same environment, and no file is another."""
    before = contents(installed(server))
    result = server.install()
    assert result.returncode == 0, result.stderr
    assert "(PROD) runs:" in result.stdout
    after = contents(server.checkout)
    assert {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)} <= {
        server.checkout / "install_docker.log"
    }


def test_option_changes_a_server(server: FakeMachine) -> None:
    """What is given again goes into `.env`; all else stays."""
    before = values(installed(server) / ".env")
    result = server.install("--domain", "shop.example.com")
    assert result.returncode == 0, result.stderr
    assert values(server.checkout / ".env") == before | {"DOMAIN": "shop.example.com"}


def test_lost_optional_secret_is_made_again(server: FakeMachine) -> None:
    """Compose does not start with a file missing: the install makes an empty one."""
    lost = installed(server) / "secrets/email_password"
    lost.unlink()
    assert server.install().returncode == 0
    assert lost.read_bytes() == b""


def test_steps_are_taken_in_order(server: FakeMachine) -> None:
    """PostgreSQL has its secret before it starts, and the database is migrated before the site starts."""
    installed(server)
    acts = [
        "compose run --rm --no-deps --no-TTY --user 0:0 --cap-add CHOWN --entrypoint chown",
        "compose up --detach --wait --wait-timeout 180 postgres valkey",
        "compose run --rm --no-TTY web python manage.py migrate",
        "compose run --rm --no-TTY web python manage.py create_default_user",
        "compose up --detach --wait --wait-timeout 300",
    ]
    calls = server.calls()
    places = [next(place for place, call in enumerate(calls) if call.startswith(act)) for act in acts]
    assert places == sorted(places)


def test_summary(server: FakeMachine) -> None:
    """At the end: the address, the user, where the password is, what is still to do. DEV's door is told."""
    result = install(server, "dev", HTTPS_PORT="8443")
    door = (server.checkout / "secrets/dev_password").read_text().strip().partition("{PLAIN}")[2]
    for text in (
        f"https://{DOMAIN}:8443\n",
        "you@example.com",
        "secrets/default_user_password",
        f"user dev, password {door} ",
        "/mail/",
        "set BACKUP_URL",
        "maintenance on",
    ):
        assert text in result.stdout
    assert "EMAIL_HOST" not in result.stdout


def test_prod_needs_mail(server: FakeMachine) -> None:
    """PROD is told that it cannot send mail yet, and has no door."""
    told = install(server).stdout
    assert "set EMAIL_HOST" in told
    assert "The door" not in told


RENEW = "compose exec --no-TTY cron python -m certificates renew"


@pytest.mark.parametrize("address", ["203.0.113.7", "100.128.0.1", "172.32.0.1"])
def test_certificate_is_asked_for(server: FakeMachine, address: str) -> None:
    """At the end of the install a certificate is asked for; the summary tells what came."""
    server.command("getent", f"echo '10.0.0.1 STREAM {DOMAIN}'; echo '{address} STREAM'")
    server.answer(RENEW, f"Certificate of {DOMAIN} is new: nginx serves it within seconds.")
    result = install(server)
    assert server.calls()[-1] == RENEW
    assert "[9/9] Ask for a certificate" in result.stdout
    assert f"\n  Certificate of {DOMAIN} is new" in result.stdout
    assert "self-signed" not in result.stdout


@pytest.mark.parametrize("address", ["", "127.0.1.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1"])
def test_domain_that_others_do_not_find(server: FakeMachine, address: str) -> None:
    """While the domain leads to nobody, or to this network alone, nobody is asked: the summary tells how to, later."""
    server.command("getent", f"echo '{address}'")
    result = install(server)
    assert result.returncode == 0
    assert RENEW not in server.calls()
    assert f"Why:    nobody was asked for one: {DOMAIN} leads to no public address yet." in result.stdout
    assert "docker compose exec cron python -m certificates renew" in result.stdout


def test_issuer_of_ones_own_is_asked(server: FakeMachine) -> None:
    """A private issuer may know a private address."""
    install(server, ACME_SERVER="https://ca.example.com/directory")
    assert server.calls()[-1] == RENEW


def test_certificate_is_refused(server: FakeMachine) -> None:
    """A site without a certificate runs all the same; the summary tells why there is none, and what to do."""
    server.command("getent", "echo 203.0.113.7 STREAM")
    server.answer(
        RENEW,
        "Failed: certbot's words\\n  Detail: more\\n\\nWhy:    port 80\\nTo do:  open it\\n        More",
        status=1,
    )
    result = install(server)
    assert result.returncode == 0, result.stderr
    assert "(PROD) runs:" in result.stdout
    assert "self-signed until a real one arrives" in result.stdout
    assert "\n    Why:    port 80\n    To do:  open it\n            More\n" in result.stdout
    assert "Detail" not in result.stdout
