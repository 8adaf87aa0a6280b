"""`./bedplate proxy` on a machine without an engine: its refusals, files and questions."""

import shutil
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from bedplate.testing.checkout import free_port
from fake_machine import FakeMachine

pytestmark = pytest.mark.usefixtures("hosts")

COMMANDS = ("openssl",)


@pytest.fixture
def hosts(machine: FakeMachine) -> Path:
    """Return the machine's file of host names, and install the programs that the script calls."""
    for name in COMMANDS:
        (machine.commands / name).symlink_to(shutil.which(name) or name)
    file = machine.commands / "hosts"
    file.write_text("127.0.0.1 localhost")  # without an end of line, as some editors leave it
    return file


def proxy_pass(machine: FakeMachine, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    home = machine.commands / "home"
    return subprocess.run(
        [machine.checkout / "bedplate", "proxy", *arguments],
        env=machine.environment(PROXY_HOME=str(home), PROXY_HOSTS_FILE=str(machine.commands / "hosts")),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


def install(machine: FakeMachine, *options: str) -> str:
    """Return the output of a successful install."""
    result = proxy_pass(machine, "install", "--port", str(machine.port), *options)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("restart",),
        ("install", "--what"),
        ("install", "--port"),
        ("install", "--port=0"),
        ("status", "--port", "1"),
    ],
)
def test_invalid_usage(machine: FakeMachine, arguments: tuple[str, ...]) -> None:
    """Invalid usage changes nothing, shows the usage, and has a separate status."""
    result = proxy_pass(machine, *arguments)
    assert (result.returncode, "usage: ./bedplate proxy" in result.stderr) == (2, True)
    assert not (machine.commands / "home").exists()


@pytest.mark.parametrize("verb", ["start", "stop", "status"])
def test_not_installed(machine: FakeMachine, verb: str) -> None:
    """Before the install there is nothing to start, stop or look at; the message says how to install."""
    result = proxy_pass(machine, verb)
    assert (result.returncode, "./bedplate proxy install" in result.stderr) == (1, True)


@pytest.mark.parametrize("option", ["--port", "--https-port"])
def test_port_is_taken(machine: FakeMachine, option: str) -> None:
    """A port of another program is refused before anything is changed, with a free one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        others = ("--port", str(free_port())) if option == "--https-port" else ()
        result = proxy_pass(machine, "install", "--https", *others, option, str(port))
    assert result.returncode == 1
    assert f"nothing was changed: port {port} is taken" in result.stderr
    assert f"install {option} " in result.stderr
    assert not (machine.commands / "home").exists()


def test_engine_is_stopped(machine: FakeMachine) -> None:
    """The engine is checked first."""
    machine.answer("version *", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", status=1)
    assert "the Docker engine is not running" in proxy_pass(machine, "install").stderr


def test_network_of_someone_else(machine: FakeMachine) -> None:
    """A network of that name that is not the proxy's is left alone."""
    machine.answer("network inspect *", "another")
    result = proxy_pass(machine, "install", "--port", str(machine.port))
    assert (result.returncode, "it is not the proxy's" in result.stderr) == (1, True)


def test_line_in_hosts_is_added_once(machine: FakeMachine, hosts: Path) -> None:
    """With --yes the project's name is added, on a line of its own, and only once."""
    for _ in range(2):
        install(machine, "--yes")
    assert hosts.read_text() == "127.0.0.1 localhost\n127.0.0.1 shop.local\n"


def test_line_in_hosts_is_only_printed(machine: FakeMachine, hosts: Path) -> None:
    """Without a terminal the file is not changed, and the command is printed."""
    before = hosts.read_bytes()
    assert f'echo "127.0.0.1 shop.local" | sudo tee -a {hosts}' in install(machine)
    assert hosts.read_bytes() == before


def test_own_authority(machine: FakeMachine) -> None:
    """Without mkcert it makes an authority for local names only, whose key is its owner's alone."""
    machine.answer("ps --filter network=*", "bakery")
    said = install(machine, "--https", "--https-port", str(free_port()))
    home = machine.commands / "home"
    authority = home / "authority/authority.pem"
    assert str(authority) in said
    shown = openssl("x509", "-in", authority, "-noout", "-text")
    assert "Permitted:" in shown
    assert "CA:TRUE, pathlen:0" in shown
    assert stat.S_IMODE((home / "authority/key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    names = openssl("x509", "-in", home / "certificates/certificate.pem", "-noout", "-ext", "subjectAltName")
    for name in ("shop.local", "shop.localhost", "bakery.local", "bakery.localhost"):
        assert f"DNS:{name}" in names
    assert "OK" in openssl("verify", "-CAfile", authority, home / "certificates/certificate.pem")


def test_another_certificate_is_made_for_a_new_project_only(machine: FakeMachine) -> None:
    """`start` makes another certificate when a project has joined, and keeps the trusted authority."""
    install(machine, "--https", "--https-port", str(free_port()))
    files = [machine.commands / "home" / name for name in ("certificates/certificate.pem", "authority/authority.pem")]
    certificate, authority = (file.read_bytes() for file in files)
    assert proxy_pass(machine, "start").returncode == 0
    assert files[0].read_bytes() == certificate
    machine.answer("ps --filter network=*", "bakery")
    assert proxy_pass(machine, "start").returncode == 0
    assert files[0].read_bytes() != certificate
    assert files[1].read_bytes() == authority
    # For the first certificate, and for the new one.
    reloads = [call for call in machine.calls() if call.endswith("nginx -s reload")]
    assert len(reloads) == 2


def test_mkcert_is_preferred(machine: FakeMachine) -> None:
    """If mkcert is installed, it makes the certificate: it also makes browsers trust it."""
    called = machine.commands / "mkcert-calls"
    make = 'while (($#)); do [[ $1 != -*-file ]] || echo made >"$2"; shift; done'
    machine.command("mkcert", f'echo "$*" >>{called}; {make}')
    install(machine, "--https", "--https-port", str(free_port()))
    first, second = called.read_text().splitlines()
    assert first == "-install"
    assert second.endswith(" shop.local shop.localhost")
    assert not (machine.commands / "home/authority").exists()


def test_nothing_to_make_certificates_with(machine: FakeMachine) -> None:
    """Without mkcert and openssl HTTPS is refused, with where to get them."""
    (machine.commands / "openssl").unlink()
    result = proxy_pass(machine, "install", "--https", "--port", str(machine.port))
    assert (result.returncode, "https://github.com/FiloSottile/mkcert" in result.stderr) == (1, True)
    assert not (machine.commands / "home").exists()


def test_projects_that_did_not_join_are_named(machine: FakeMachine) -> None:
    """A project that runs without the proxy is listed with the command that joins it; others are not."""
    machine.answer(
        "ps --filter label=*", "shop_default,shop_proxy_pass shop /home/me/my shop\\nother_default other /srv/other"
    )
    said = install(machine)
    assert "cd '/home/me/my shop' && ./install_docker.sh" in said
    assert "other" not in said


def openssl(*arguments: str | Path) -> str:
    """Return the output of openssl."""
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout


def test_projects_leave_before_the_proxy_goes(machine: FakeMachine) -> None:
    """A project whose network is removed would not start any more: each is named, with the command to leave."""
    install(machine)
    machine.answer("ps --all --filter network=*", "shop /home/me/my shop\\nproxy-pass /elsewhere/proxy_pass")
    result = proxy_pass(machine, "remove")
    assert result.returncode == 1
    assert "shop: cd '/home/me/my shop' && PROXY_NETWORK=none ./install_docker.sh" in result.stderr
    assert "elsewhere" not in result.stderr
    assert not [call for call in machine.calls() if " down " in call]
    machine.answer("ps --all --filter network=*", "")
    assert proxy_pass(machine, "remove").returncode == 0
    assert [call for call in machine.calls() if " down " in call]
    assert "the proxy is not installed" in proxy_pass(machine, "status").stderr
