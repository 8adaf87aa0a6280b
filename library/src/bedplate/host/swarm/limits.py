"""What a swarm cannot do with a service: said before anything is built, not by Docker in the middle of a deploy."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from bedplate.host.errors import AbortError
from bedplate.host.swarm import rendering

# A stack refuses these, or ignores them without a word.
UNKNOWN: Final = (
    *("cpus", "cpuset", "device_cgroup_rules", "devices", "gpus", "group_add", "ipc", "links", "mem_limit"),
    *("mem_reservation", "memswap_limit", "pid", "pids_limit", "platform", "privileged", "runtime", "scale"),
    *("storage_opt", "userns_mode", "uts", "volumes_from"),
)
LONGEST_SERVICE: Final = 63  # with the project's name before it
EVERYWHERE: Final = ("", "0.0.0.0", "::")  # noqa: S104 - compared, not bound to


def check(config: Mapping[str, Any], project: str) -> None:
    """Raise AbortError with all that this configuration asks for and a swarm does not do."""
    if problems := list(_problems(config, project)):
        raise AbortError("a swarm cannot run this as it is in the Compose files:", *problems)


def _problems(config: Mapping[str, Any], project: str) -> Iterator[str]:
    deployed, _volumes = rendering.split(config["services"])
    if "web" not in deployed:
        yield "web: it has no replicas. WEB_REPLICAS in .env: 1 or more"
    if config.get("configs"):
        yield "configs: a swarm never changes one. Put the file into an image, or into a secret"
    closed = ((deployed.get("nginx") or {}).get("environment") or {}).get("MAINTENANCE")
    if closed not in (None, "on", "off"):
        yield f"nginx: MAINTENANCE in .env is '{closed}'. It is on or off"
    for name in deployed:
        if name in rendering.JOBS:
            yield f"{name}: a job of ./bedplate deploy has this name. Give the service another"
    for name in (*deployed, *rendering.JOBS):
        if len(f"{project}_{name}") > LONGEST_SERVICE:
            yield f"{name}: {project}_{name} is longer than {LONGEST_SERVICE} characters. COMPOSE_PROJECT_NAME in .env"
    for name, service in deployed.items():
        yield from (f"{name}: {problem}" for problem in _of_service(service, config.get("secrets") or {}))


def _of_service(service: Mapping[str, Any], secrets: Mapping[str, Any]) -> Iterator[str]:
    if not service.get("image"):
        yield "its image has no name: image: ${REGISTRY:-}${COMPOSE_PROJECT_NAME}-NAME:${RELEASE:-latest}"
    if service.get("network_mode") not in (None, "none"):
        yield f"network_mode: {service['network_mode']} is not possible"
    for key in UNKNOWN:
        if service.get(key):
            yield f"{key} is not possible. Limits belong below deploy: resources"
    for port in service.get("ports") or ():
        if port.get("host_ip", "") not in EVERYWHERE:
            yield f"port {port.get('published')}: a swarm opens it to all, not only to {port['host_ip']}. Remove it"
        if not re.fullmatch("[0-9]+", str(port.get("published", ""))):
            yield f"port {port.get('target')}: give one number, at which it is published"
    for secret in service.get("secrets") or ():
        if secret["source"] not in secrets:
            yield f"its secret {secret['source']} is not in the list of secrets"
