"""The projects of this machine, and which of them the proxy reaches."""

import shlex
from collections.abc import Iterator

from bedplate.host.commands import docker
from bedplate.host.configuration import env_file
from bedplate.host.programs import output
from bedplate.host.proxy.installation import Proxy

PROJECT = docker.label("project")
FOLDER = docker.label("project.working_dir")


def own_project() -> str:
    """Return the project of this checkout."""
    return env_file.configured("COMPOSE_PROJECT_NAME")


def reached(proxy: Proxy) -> list[str]:
    """Return the projects that have a running container on the shared network."""
    command = docker.containers(f"network={proxy.network}", columns=PROJECT)
    return sorted({name for name in output(command).splitlines() if name and name != proxy.project})


def joined(proxy: Proxy) -> list[tuple[str, str]]:
    """Return the projects on the shared network, running or not, each with its folder."""
    command = docker.containers(f"network={proxy.network}", columns=f"{PROJECT} {FOLDER}", running_only=False)
    found = {(name, folder) for name, _, folder in (line.partition(" ") for line in output(command).splitlines())}
    return sorted((name, folder) for name, folder in found if name and name != proxy.project)


def not_joined() -> Iterator[tuple[str, str]]:
    """Yield the projects that run without the proxy, each with its folder: they use their own network."""
    service = "label=com.docker.compose.service=nginx"
    for line in output(docker.containers(service, columns=f"{{{{.Networks}}}} {PROJECT} {FOLDER}")).splitlines():
        networks, name, folder = line.split(" ", 2)
        if f"{name}_proxy_pass" in networks.split(","):
            yield name, folder


def status(proxy: Proxy) -> str:
    """Return the addresses of the projects, and the commands with which others join."""
    lines = ["The proxy runs. Projects it reaches:", ""]
    names = reached(proxy)
    for name in names:
        lines.append(f"  {address(proxy, 'http', name)}")
        if proxy.has_https:
            lines.append(f"  {address(proxy, 'https', name)}")
    lines += [] if names else ["  none"]
    for name, folder in not_joined():
        command = f"cd {quoted(folder)} && ./install_docker.sh"
        lines += ["", f"{name} runs, but has not joined the proxy yet. To join it: {command}"]
    return "\n".join([*lines, ""])


def address(proxy: Proxy, scheme: str, project: str) -> str:
    """Return the address of a project, without a default port."""
    name, usual = {"http": ("PROXY_HTTP_PORT", "80"), "https": ("PROXY_HTTPS_PORT", "443")}[scheme]
    port = proxy.settings.get(name, usual)
    return f"{scheme}://{project}.localhost{'' if port == usual else f':{port}'}"


def quoted(folder: str) -> str:
    """Return the folder quoted for a shell, always in quotes."""
    text = shlex.quote(folder)
    return text if text.startswith("'") else f"'{text}'"
