"""install_docker.sh on a machine that has a proxy, or had one."""

import re

import pytest
from fake_machine import FakeMachine
from test_install_docker_steps import values


def test_proxy_of_the_machine_is_joined(machine: FakeMachine) -> None:
    """If the proxy's network exists, nginx joins it, also in a project that is older than the proxy."""
    dotenv = machine.write_dotenv()
    older = dotenv.read_text().replace("PROXY_NETWORK=\nPROXY_PASS=\n", "")
    assert "PROXY_NETWORK" not in older
    dotenv.write_text(older)
    machine.answer("network inspect proxy_pass")
    machine.answer("ps --filter network=proxy_pass *service=proxy*", "127.0.0.1:8443->8443/tcp, 127.0.0.1:80->8080/tcp")
    result = machine.install("--yes")
    assert "PROXY_PASS=true" in result.stdout
    assert dotenv.read_text() == f"{older}PROXY_NETWORK=proxy_pass\nPROXY_PASS=true\n"
    assert "http://shop.localhost, by this machine's proxy" in result.stdout


@pytest.mark.parametrize(
    ("ports", "said"),
    [
        ("127.0.0.1:8080->8080/tcp", "http://shop.localhost:8080, by this machine's proxy"),
        ("", "http://shop.localhost, once this machine's proxy runs: ./bedplate proxy start"),
    ],
)
def test_summary_names_the_proxys_port(machine: FakeMachine, ports: str, said: str) -> None:
    """The address works: it has the port of the proxy, and is shown only while the proxy runs."""
    machine.answer("network inspect proxy_pass")
    machine.answer("ps --filter network=proxy_pass *service=proxy*", ports)
    assert f"(or {said})" in machine.install("--yes").stdout


def test_project_leaves_the_proxy(machine: FakeMachine) -> None:
    """`none` means no proxy, though Docker has a network of that name, in which nginx would reach nothing."""
    dotenv = machine.write_dotenv(PROXY_NETWORK="proxy_pass", PROXY_PASS="true")
    machine.answer("network inspect *")
    result = machine.install("--yes", PROXY_NETWORK="none")
    assert result.returncode == 0, result.stderr
    assert (values(dotenv)["PROXY_NETWORK"], values(dotenv)["PROXY_PASS"]) == ("", "")
    assert "unset PROXY_NETWORK" not in result.stdout


def test_proxy_that_is_gone_is_left(machine: FakeMachine) -> None:
    """A network that no longer exists would prevent every start: nginx runs without it."""
    dotenv = machine.write_dotenv(PROXY_NETWORK="another", PROXY_PASS="true")
    result = machine.install("--yes")
    assert "network inspect another" in machine.calls()
    assert "PROXY_PASS=\n" in result.stdout
    assert (values(dotenv)["PROXY_NETWORK"], values(dotenv)["PROXY_PASS"]) == ("", "")


def test_project_without_proxy_requests_none(machine: FakeMachine) -> None:
    """The parts that the how-to page removes are missing: no network is looked for, and no variable is written."""
    (machine.checkout / "nginx/templates/local/proxy_pass.conf.template").unlink()
    example = machine.checkout / ".env.example"
    example.write_text(example.read_text().replace("PROXY_NETWORK=\nPROXY_PASS=\n", ""))
    machine.answer("network inspect proxy_pass")
    result = machine.install("--yes")
    assert result.returncode == 0, result.stderr
    assert re.search("PROXY_(NETWORK|PASS)", (machine.checkout / ".env").read_text()) is None
    assert "by this machine's proxy" not in result.stdout
    assert "network inspect proxy_pass" not in machine.calls()
