"""Hardening of every container, as `docker inspect` shows it."""

from collections.abc import Callable
from typing import Any, Final


def drops_all_capabilities(container: dict[str, Any]) -> bool:
    """Return whether the container has no capability."""
    return container["HostConfig"]["CapDrop"] == ["ALL"] and not container["HostConfig"]["CapAdd"]


def gains_no_privileges(container: dict[str, Any]) -> bool:
    """Return whether setuid programs gain nothing, and no privilege was given beforehand."""
    config = container["HostConfig"]
    return "no-new-privileges:true" in config["SecurityOpt"] and not config["Privileged"]


def has_limits(container: dict[str, Any]) -> bool:
    """Return whether memory and number of processes are limited."""
    config = container["HostConfig"]
    return 0 < config["Memory"] <= 4 * 2**30 and 0 < (config["PidsLimit"] or 0) <= 1000


def reaches_no_engine(container: dict[str, Any]) -> bool:
    """Return whether neither the Docker socket nor a folder that could hold it is mounted."""
    sources = [mount["Source"] for mount in container["Mounts"]]
    return not [source for source in sources if "docker.sock" in source or source in {"/", "/run", "/var/run"}]


PROMISES: Final[dict[str, Callable[[dict[str, Any]], object]]] = {
    "drops all capabilities": drops_all_capabilities,
    "gains no privileges": gains_no_privileges,
    "has limits": has_limits,
    "reaches no engine": reaches_no_engine,
    "root file system is read-only": lambda container: container["HostConfig"]["ReadonlyRootfs"],
    "reaps processes": lambda container: container["HostConfig"]["Init"],
    "bounds its log": lambda container: container["HostConfig"]["LogConfig"]["Config"]["max-size"],
    "restarts": lambda container: container["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped",
}
