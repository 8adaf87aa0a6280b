"""`./bedplate proxy`: the proxy of this machine."""

import argparse
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from bedplate.host.checks.docker import check_docker
from bedplate.host.checks.ports import is_taken, next_free_port, port_number
from bedplate.host.cli.parsers import command_parser
from bedplate.host.commands import docker
from bedplate.host.console import exit_status, say
from bedplate.host.errors import AbortError
from bedplate.host.programs import attempt, output, run
from bedplate.host.proxy import certificates, hosts, projects
from bedplate.host.proxy.installation import Proxy

INSTALL: Final = "./bedplate proxy install"
INTERRUPTED: Final = "Interrupted. Run this again to continue."
DESCRIPTION: Final = """\
One nginx for this machine, on 127.0.0.1: http://<project>.localhost and http://<project>.local lead to the project of
that COMPOSE_PROJECT_NAME. A project joins by its ./install_docker.sh; no setting per project is needed here.

  install   checks first, then builds and starts it; you can run it again with other options
  start     starts it again; with HTTPS, makes a certificate for projects that were added meanwhile
  stop      stops it, until start; the projects keep running
  status    prints its addresses, and which projects it reaches
  remove    removes it and its network, when no project is joined any more; its certificates stay
"""
EPILOG: Final = """\
Settings and certificates are in ~/.config/proxy_pass, outside of any project.
For a second proxy, for example in tests: PROXY_PROJECT, PROXY_NETWORK and PROXY_HOME name its parts.
Exit status: 0 done, or running; 1 failed, or it does not run; 2 invalid usage.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options. Exit with 2 if they are invalid."""
    parser = command_parser("./bedplate proxy", DESCRIPTION, EPILOG)
    actions = ("install", *ACTIONS)
    parser.add_argument("action", nargs="?", choices=actions, metavar="|".join(actions))
    install = parser.add_argument_group("options of install")
    install.add_argument("--port", type=port_number, metavar="N", help="the port of HTTP (80)")
    install.add_argument(
        "--https",
        action="store_true",
        help="HTTPS too, with a certificate from an authority on this machine: mkcert's, if it is installed, otherwise "
        "the proxy's own; it prints how to trust that",
    )
    install.add_argument("--https-port", type=port_number, metavar="N", help="the port of HTTPS (443)")
    install.add_argument(
        "-y",
        "--yes",
        action="store_true",
        help="do not ask before a line is added to /etc/hosts, which <project>.local needs (.localhost does not)",
    )
    options = parser.parse_args(arguments)
    if not options.action:
        parser.error(f"give an action: {', '.join(actions)}")
    if options.action != "install" and (options.port or options.https or options.https_port or options.yes):
        parser.error(f"{options.action} takes no options.")
    return options


def install(proxy: Proxy, options: argparse.Namespace) -> None:
    """Check, then build and start the proxy."""
    port, https_port = options.port or 80, options.https_port or 443
    check_docker()
    check_network(proxy)
    check_port(proxy, "--port", port)
    if options.https:
        check_certificate_tool()
        check_port(proxy, "--https-port", https_port)
    proxy.write_settings(port=port, https=options.https, https_port=https_port)
    run(proxy.compose("build", "--quiet"), environment=proxy.environment)
    start(proxy)
    hosts.offer(f"{projects.own_project()}.local", assume_yes=options.yes)


def check_network(proxy: Proxy) -> None:
    """Raise AbortError if the network is not the proxy's: one made by hand would give containers Internet access."""
    result = attempt(docker.network_owner(proxy.network))
    if result.returncode == 0 and result.stdout.strip() != proxy.project:
        raise AbortError(
            f"there is a Docker network {proxy.network}, and it is not the proxy's.",
            f"See what uses it: docker network inspect {proxy.network}; "
            f"then remove it: docker network rm {proxy.network}",
        )


def check_port(proxy: Proxy, option: str, port: int) -> None:
    """Raise AbortError if another program uses the port."""
    own = output(docker.containers(f"label=com.docker.compose.project={proxy.project}", f"publish={port}"))
    if not own.strip() and is_taken(port):
        raise AbortError(
            f"port {port} is taken by another program.",
            f"Stop that program (on Linux, this names it: sudo ss -ltnp sport = :{port}),",
            f"or take another port: {INSTALL} {option} {next_free_port()}",
        )


def check_certificate_tool() -> None:
    """Raise AbortError if no program can make a certificate."""
    if not shutil.which("mkcert") and not shutil.which("openssl"):
        raise AbortError(
            "there is no program to make certificates.",
            "Install mkcert, which also makes browsers trust them: https://github.com/FiloSottile/mkcert",
            "Or install openssl.",
        )


def start(proxy: Proxy) -> None:
    """Start the proxy, with a certificate for the existing projects."""
    renewed = proxy.has_https and certificates.renew(proxy)
    run(proxy.compose("up", "--detach", "--wait", "--wait-timeout", "60"), environment=proxy.environment)
    if renewed:
        output(proxy.compose("exec", "--no-TTY", "proxy", "nginx", "-s", "reload"), environment=proxy.environment)
    say(projects.status(proxy))


def stop(proxy: Proxy) -> None:
    """Stop the proxy."""
    run(proxy.compose("stop"), environment=proxy.environment)


def remove(proxy: Proxy) -> None:
    """Remove the proxy. Raise AbortError while a project is joined: it would not start again without the network."""
    if joined := projects.joined(proxy):
        raise AbortError(
            "these projects are still joined to the proxy. Let them leave it first:",
            *(
                f"{name}: cd {projects.quoted(folder)} && PROXY_NETWORK=none ./install_docker.sh"
                for name, folder in joined
            ),
        )
    run(proxy.compose("down", "--rmi", "all", "--timeout", "5"), environment=proxy.environment)
    proxy.settings_file.unlink()
    say(f"The proxy is removed. Its certificates stay in {proxy.folder}, for a later install.")


def status(proxy: Proxy) -> None:
    """Print the addresses. Exit with 1 if the proxy does not run."""
    running = proxy.compose("ps", "--quiet", "--status", "running", "proxy")
    if not output(running, environment=proxy.environment).strip():
        say("The proxy is stopped. Start it: ./bedplate proxy start")
        raise SystemExit(1)
    say(projects.status(proxy))


ACTIONS: Final[Mapping[str, Callable[[Proxy], None]]] = {
    "start": start,
    "stop": stop,
    "status": status,
    "remove": remove,
}


def perform(options: argparse.Namespace) -> None:
    """Run the command line."""
    proxy = Proxy.find()
    if options.action == "install":
        install(proxy, options)
        return
    check_docker()
    if not proxy.settings_file.exists():
        raise AbortError("the proxy is not installed.", f"Install it: {INSTALL}")
    ACTIONS[options.action](proxy)


def main(arguments: Sequence[str]) -> int:
    """Install, start, stop, show or remove the proxy. Return the exit status."""
    options = parse(arguments)
    return exit_status(partial(perform, options), interrupted=INTERRUPTED)
