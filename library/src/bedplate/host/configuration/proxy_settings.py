"""Variables that connect nginx to the network of this machine's proxy."""

import os

from bedplate.host import ROOT
from bedplate.host.configuration import env_file
from bedplate.host.programs import attempt

NETWORKS_OF_DOCKER = frozenset({"none", "host", "bridge"})  # "none" means: without the proxy


def proxy_settings() -> dict[str, str]:
    """Return the variables of `.env` that join the proxy if it exists and is wanted; none if the proxy was removed."""
    if not (ROOT / "nginx/templates/local/proxy_pass.conf.template").exists():
        return {}
    network = os.environ.get("PROXY_NETWORK") or env_file.get("PROXY_NETWORK") or "proxy_pass"
    if network in NETWORKS_OF_DOCKER or not has_network(network):
        return {"PROXY_NETWORK": "", "PROXY_PASS": ""}
    return {"PROXY_NETWORK": network, "PROXY_PASS": "true"}


def has_network(name: str) -> bool:
    """Return whether Docker has a network of this name."""
    return attempt(["docker", "network", "inspect", name]).returncode == 0
