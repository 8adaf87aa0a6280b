"""A client's address behind a balancer or a CDN: a trusted proxy's header counts; other clients' claims do not."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from bedplate.testing.checkout import ROOT
from bedplate.testing.compose import attempt
from bedplate.testing.server import Server
from bedplate.testing.visitor import BLOCKED
from documents import commands_of

pytestmark = [pytest.mark.stack, pytest.mark.parametrize("server", ["prod"], indirect=True, scope="session")]

(RESTART,) = commands_of(ROOT / "library/docs/how-to/behind-a-proxy.md")
TIMES: Final = "20"  # more than one address may send: seven at once, then one in 6 s


@contextmanager
def behind(server: Server, *, proxies: str, protocol: str = "false") -> Iterator[None]:
    """Set in `.env` which proxies are in front; remove them at the end, from nginx too."""
    dotenv = server.directory / ".env"
    before = dotenv.read_text()
    changed = before.replace("TRUSTED_PROXIES=\n", f'TRUSTED_PROXIES="{proxies}"\n')
    dotenv.write_text(changed.replace("PROXY_PROTOCOL=false\n", f"PROXY_PROTOCOL={protocol}\n"))
    try:
        yield
    finally:
        now = dotenv.read_text()  # a deploy writes the release's name
        now = now.replace(f'TRUSTED_PROXIES="{proxies}"\n', "TRUSTED_PROXIES=\n")
        dotenv.write_text(now.replace(f"PROXY_PROTOCOL={protocol}\n", "PROXY_PROTOCOL=false\n"))
        start_nginx(server)


def start_nginx(server: Server) -> None:
    server.compose("up", "--detach", "--wait", "--no-deps", "nginx")


def guesses(server: Server, service: str, act: str = "guess") -> set[str]:
    """Return the statuses of logins from this service, each with another claimed address."""
    return set(server.visit_from(service, act, TIMES).split())


def test_clients_of_a_trusted_proxy_are_distinguished(server: Server) -> None:
    """A trusted proxy's header is read; the same header from any other client is not."""
    with behind(server, proxies=f"2001:db8::/32 {server.address('cron')}"):
        start_nginx(server)
        assert guesses(server, "cron") == {"200"}
        assert str(BLOCKED) in guesses(server, "celery")
        clients = server.compose("logs", "--no-log-prefix", "--tail=100", "nginx")
        assert '"client":"203.0.113.9"' in clients
        assert f'"client":"{server.address("celery")}"' in clients


def test_the_proxy_protocol_is_accepted_from_a_trusted_proxy(server: Server) -> None:
    """A client that bypasses it gets no answer; an untrusted client that speaks it is served under its own address."""
    with behind(server, proxies=server.address("cron"), protocol="true"):
        start_nginx(server)
        assert "[warn]" not in server.compose("logs", "--no-log-prefix", "nginx")
        assert guesses(server, "cron", "guess_proxied") == {"200"}
        assert str(BLOCKED) in guesses(server, "celery", "guess_proxied")
        with pytest.raises(OSError, match=r"EOF|reset|closed"):
            server.get("/")
        with pytest.raises(OSError, match=r"reset|closed|empty"):
            server.get_over_http("/")


@pytest.mark.parametrize(
    ("proxies", "protocol", "said"),
    [
        ("192.0.2.10 proxy.example.com", "false", "'proxy.example.com', which is not an address"),
        ("0.0.0.0/0", "false", "'0.0.0.0/0', which is not an address"),
        ("", "true", "TRUSTED_PROXIES is empty"),
        ("192.0.2.10", "yes", "PROXY_PROTOCOL is 'yes'"),
        ("192.0.2.300", "false", "192.0.2.300"),  # nginx says so
    ],
)
def test_invalid_proxies_are_refused(server: Server, proxies: str, protocol: str, said: str) -> None:
    """With them nginx would not start: every command that starts nginx refuses them first."""
    variables = {"TRUSTED_PROXIES": proxies, "PROXY_PROTOCOL": protocol}
    tried = ("run", "--rm", "--no-deps", "--no-TTY", "nginx", "nginx", "-t")
    result = attempt("docker", "compose", *tried, directory=server.directory, variables=variables)
    assert result.returncode != 0
    assert said in result.stderr


def test_how_to_is_right_for_proxies(server: Server) -> None:
    """A value that nginx would refuse is found before anything is replaced; corrected, it takes effect."""
    with behind(server, proxies="192.0.2.10, 192.0.2.11"):
        dotenv = server.directory / ".env"
        right = dotenv.read_text()
        dotenv.write_text(right.replace("192.0.2.10,", "proxy,"))
        with pytest.raises(AssertionError, match="'proxy', which is not an address"):
            server.follow(RESTART)
        assert server.status("/health/ready") == 200
        dotenv.write_text(right)
        server.follow(RESTART)
        configuration = server.exec("nginx", "cat", "/tmp/clients.conf")  # noqa: S108 - in a container
        assert "set_real_ip_from 192.0.2.10;\nset_real_ip_from 192.0.2.11;" in configuration
