"""install_docker.sh for DEV and PROD: its questions, files and commands."""

import os
import re
import stat
from hashlib import sha256
from urllib.parse import urlsplit

import pytest
import terminals
from bedplate.testing.checkout import free_port
from fake_machine import FakeMachine
from fake_server import DOMAIN, HASHES, OPTIONAL, OPTIONS, SECRETS, install, installed
from test_install_docker_checks import assert_refuses, contents
from test_install_docker_steps import values


@pytest.mark.parametrize(("environment", "more"), [("prod", set()), ("dev", {"dev_password"})])
def test_secrets_are_made(server: FakeMachine, environment: str, more: set[str]) -> None:
    """Each secret is a file for its owner alone; the required ones are long, unique, and in no other file."""
    folder = installed(server, environment) / "secrets"
    files = {path.name: path for path in folder.iterdir()}
    assert files.keys() == SECRETS | OPTIONAL[environment] | more
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for name, path in files.items() if name not in HASHES} == {0o600}
    assert {stat.S_IMODE(files[name].stat().st_mode) for name in HASHES} == {0o644}
    assert {name for name, path in files.items() if not path.stat().st_size} == OPTIONAL[environment]
    made = {name: files[name].read_text() for name in SECRETS}
    assert made.pop("postgres_server_password") == made["postgres_password"]
    for name in HASHES:  # of the password alone, for Valkey
        address = urlsplit(made[name.replace("server_passwords", "url")])
        assert made.pop(name) == f"#{sha256((address.password or '').encode()).hexdigest()}\n"
        assert len(address.password or "") >= 32
    assert len(set(made.values())) == len(made)
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
    """Installed by root, the containers run as 1000, who owns the secrets; a container gives PostgreSQL its own."""
    folder = installed(server) / "secrets"
    assert {(path.stat().st_uid, path.stat().st_gid) for path in folder.iterdir() if "server" not in path.name} == {
        (1000, 1000)
    }
    assert values(server.checkout / ".env")["HOST_UID"] == "1000"
    (given,) = [call for call in server.calls() if "--entrypoint chown" in call]
    assert given.endswith(f"{folder}/postgres_server_password:/secret postgres 999:999 /secret")


def test_ports_of_a_server(server: FakeMachine) -> None:
    """Without port options a server has 80 and 443; the plan says so."""
    result = server.install("--environment", "prod", *OPTIONS, HTTP_PORT="")
    ports = re.findall(r"Ports +(.+)", result.stdout) or re.findall(r"port (80|443) is taken", result.stderr)
    assert ports in (["80 and 443 on 0.0.0.0"], ["80"], ["443"])


@pytest.mark.parametrize("missing", ["--domain", "--admin-email"])
def test_missing_option_without_a_terminal(server: FakeMachine, missing: str) -> None:
    """Without a terminal, the options that a server needs must be given."""
    at = OPTIONS.index(missing)
    given = OPTIONS[:at] + OPTIONS[at + 2 :]
    assert_refuses(server, f"a server needs {missing}", options=("--environment", "prod", *given))


def test_terminal_is_asked(server: FakeMachine) -> None:
    """On a terminal it asks for domain and address, then shows the plan."""
    command = (server.checkout / "install_docker.sh", "--environment", "dev")
    process, controller = terminals.start(*command, environment=server.environment(HTTPS_PORT=str(free_port())))
    for question, answer in (("www.example.com: ", DOMAIN), ("errors: ", "you@example.com"), ("Continue? [Y/n] ", "y")):
        terminals.read_until(controller, question.encode())
        os.write(controller, f"{answer}\n".encode())
    terminals.read_until(controller, b"")
    os.close(controller)
    assert process.wait(timeout=30) == 0
    assert values(server.checkout / ".env")["DOMAIN"] == DOMAIN


def test_second_run_changes_nothing(server: FakeMachine) -> None:
    """Run again without options, the environment is the same, and no file changes."""
    before = contents(installed(server))
    result = server.install()
    assert result.returncode == 0, result.stderr
    assert "(PROD) runs:" in result.stdout
    after = contents(server.checkout)
    assert {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)} <= {
        server.checkout / "install_docker.log"
    }


def test_option_changes_a_server(server: FakeMachine) -> None:
    """An option that is given again goes into `.env`; the rest stays."""
    before = values(installed(server) / ".env")
    result = server.install("--domain", "shop.example.com")
    assert result.returncode == 0, result.stderr
    assert values(server.checkout / ".env") == before | {"DOMAIN": "shop.example.com"}


def test_lost_basic_auth_password_is_made_again(server: FakeMachine) -> None:
    """A new one works as well; the summary shows it."""
    lost = installed(server, "dev") / "secrets/dev_password"
    lost.unlink()
    assert server.install().returncode == 0
    assert lost.read_text().startswith("dev:{PLAIN}")


def test_steps_are_taken_in_order(server: FakeMachine) -> None:
    """PostgreSQL has its secret before it starts, and the database is migrated before the site starts."""
    installed(server)
    acts = [
        "compose run --rm --no-deps --no-TTY --user 0:0 --cap-add CHOWN --entrypoint chown",
        "compose up --detach --wait --wait-timeout 180 postgres valkey",
        "compose run --rm --no-deps --no-TTY web python manage.py migrate",
        "compose run --rm --no-deps --no-TTY web python manage.py create_default_user",
        "compose up --detach --wait --wait-timeout 300",
    ]
    calls = server.calls()
    places = [next(place for place, call in enumerate(calls) if call.startswith(act)) for act in acts]
    assert places == sorted(places)


def test_summary(server: FakeMachine) -> None:
    """It has the address, the user, the place of the password, the remaining steps, and DEV's basic auth."""
    result = install(server, "dev", HTTPS_PORT="8443")
    password = (server.checkout / "secrets/dev_password").read_text().strip().partition("{PLAIN}")[2]
    for text in (
        f"https://{DOMAIN}:8443\n",
        "you@example.com",
        "secrets/default_user_password",
        f"HTTP auth user dev, password {password} ",
        "/mail/",
        "set BACKUP_URL",
        "maintenance on",
    ):
        assert text in result.stdout
    assert "EMAIL_HOST" not in result.stdout


def test_prod_needs_mail(server: FakeMachine) -> None:
    """PROD gets a warning that it cannot send mail yet, and has no basic auth."""
    output = install(server).stdout
    assert "set EMAIL_HOST" in output
    assert "HTTP auth" not in output


RENEW = "compose exec --no-TTY cron python -m bedplate.certificates renew"


@pytest.mark.parametrize("address", ["203.0.113.7", "100.128.0.1", "172.32.0.1"])
def test_certificate_is_requested(server: FakeMachine, address: str) -> None:
    """At the end of the install a certificate is requested; the summary has the result."""
    server.command("getent", f"echo '10.0.0.1 STREAM {DOMAIN}'; echo '{address} STREAM'")
    server.answer(RENEW, f"Certificate of {DOMAIN} is new: nginx serves it within seconds.")
    result = install(server)
    assert server.calls()[-1] == RENEW
    assert "[9/9] Request a certificate" in result.stdout
    assert f"\n  Certificate of {DOMAIN} is new" in result.stdout
    assert "self-signed" not in result.stdout


@pytest.mark.parametrize("address", ["", "127.0.1.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1"])
def test_domain_that_does_not_resolve_publicly(server: FakeMachine, address: str) -> None:
    """While the domain resolves to nothing, or to this network alone, none is requested: the summary says how to."""
    server.command("getent", f"echo '{address}'")
    result = install(server)
    assert result.returncode == 0
    assert RENEW not in server.calls()
    assert f"Why:    no certificate was requested: {DOMAIN} does not resolve to a public address yet." in result.stdout
    assert "./bedplate certificates renew" in result.stdout


def test_private_issuer_is_asked(server: FakeMachine) -> None:
    """A private issuer may know a private address."""
    install(server, ACME_SERVER="https://ca.example.com/directory")
    assert server.calls()[-1] == RENEW


def test_certificate_is_refused(server: FakeMachine) -> None:
    """A site without a certificate still runs; the summary gives the reason, and what to do."""
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


def test_issuer_is_switched_off(server: FakeMachine) -> None:
    """Without an issuer no certificate is promised."""
    server.answer(RENEW, "ACME_SERVER is off, and no certificate was installed: the site's own is self-signed.")
    said = install(server, ACME_SERVER="off").stdout
    assert "self-signed, and no other is requested: ACME_SERVER is off" in said
    assert "until a real one arrives" not in said


def test_summary_says_how_a_change_takes_effect(server: FakeMachine) -> None:
    """The summary names the how-to page's command, which drops no request."""
    said = install(server).stdout
    assert "./bedplate deploy --restart " in said
    assert "docker compose up -d" not in said


def test_without_certificates_none_is_requested(server: FakeMachine) -> None:
    """A project with HTTPS in front of it has one step less, and the summary says what visitors get."""
    crontab = server.checkout / "cron/crontab"
    lines = crontab.read_text().splitlines(keepends=True)
    crontab.write_text("".join(line for line in lines if "renew_certificates" not in line))
    result = install(server)
    assert result.returncode == 0, result.stderr
    assert "[8/8] Start everything" in result.stdout
    assert "the proxy in front of this machine" in result.stdout
    assert not [call for call in server.calls() if "bedplate.certificates" in call]
