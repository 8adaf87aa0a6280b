"""Docker and Docker Compose on this machine."""

import re
import shutil

from bedplate.host import ROOT
from bedplate.host.commands import docker
from bedplate.host.errors import AbortError
from bedplate.host.programs import attempt
from bedplate.host.user import user_name

COMPOSE_HELP = "How to: https://docs.docker.com/compose/install/linux/"


def check_docker() -> None:
    """Raise AbortError if Docker or Compose is missing, stopped, forbidden or too old."""
    check_client()
    check_engine()
    version = check_compose()
    check_buildx(version)


def check_client() -> None:
    """Raise AbortError without a docker command."""
    hints = ["Install Docker Engine or Docker Desktop: https://docs.docker.com/get-started/get-docker/"]
    if (ROOT / "install_embedded.sh").exists():
        hints.append("Or run the project without Docker: ./install_embedded.sh")
    if not shutil.which("docker"):
        raise AbortError("Docker is not installed: there is no docker command.", *hints)


def check_engine() -> None:
    """Raise AbortError, with the reason, if the engine does not answer."""
    result = attempt(docker.server_version())
    answer = (result.stdout + result.stderr).strip()
    if result.returncode == 0:
        return
    if "permission denied" in answer:
        raise AbortError(
            "you may not use the Docker engine.",
            f"Join the group that may, then log out and in again: sudo usermod -aG docker {user_name()}",
        )
    if any(text in answer for text in ("Cannot connect", "connection refused", "Is the docker daemon running")):
        raise AbortError(
            "the Docker engine is not running.", "Start Docker Desktop, or on Linux: sudo systemctl start docker"
        )
    raise AbortError("the Docker engine does not answer as it should. Try: docker version", f"It says: {answer}")


def check_compose() -> str:
    """Return the version of Compose. Raise AbortError if it cannot run services.yml.

    Compose 2.26 is the oldest that can: services.yml needs `extends` to include `depends_on`, which 2.24.6 to 2.25
    refuse and 2.32 ignores (github.com/docker/compose/issues/11544 and 12402).
    """
    result = attempt(["docker", "compose", "version", "--short"])
    if result.returncode != 0:
        if shutil.which("docker-compose"):
            separate = attempt(["docker-compose", "version", "--short"]).stdout.strip()
            raise AbortError(
                f"only the separate docker-compose command is here ({separate}), not Compose v2.",
                'Compose v1 ended in 2023. Install the plugin for "docker compose" (two words).',
                COMPOSE_HELP,
            )
        raise AbortError(
            "Docker Compose is not installed: docker compose version fails.",
            "Install the plugin docker-compose-plugin, or Docker Desktop, which brings it.",
            COMPOSE_HELP,
        )
    version = result.stdout.strip()
    if release(version) < (2, 26):
        raise AbortError(
            f"Docker Compose {version} is too old: 2.26 or newer is needed.",
            "Older ones cannot extend a service that depends on another, as services.yml does.",
            COMPOSE_HELP,
        )
    if release(version) == (2, 32):
        raise AbortError(
            f"Docker Compose {version} forgets depends_on in extended services.",
            "This is a bug of 2.32 alone: install 2.33 or newer.",
            COMPOSE_HELP,
        )
    return version


def check_buildx(compose_version: str) -> None:
    """Raise AbortError if this Compose needs buildx to build, and there is none.

    Compose before 2.40 builds by itself; later ones call the plugin (github.com/docker/compose/pull/13295).
    """
    if release(compose_version) < (2, 40):
        return
    words = attempt(["docker", "buildx", "version"]).stdout.split()
    version = words[1] if len(words) > 1 else ""
    if release(version) < (0, 17):
        raise AbortError(
            f"this Compose needs buildx 0.17 or newer to build; found: {version or 'none'}.",
            "Install the package docker-buildx-plugin: https://docs.docker.com/build/install-buildx/",
        )


def release(version: str) -> tuple[int, int]:
    """Return major and minor of a version such as v2.26.1-4; (0, 0) for other texts."""
    match = re.match(r"v?(\d+)(?:\.(\d+))?", version)
    return (int(match[1]), int(match[2] or 0)) if match else (0, 0)
