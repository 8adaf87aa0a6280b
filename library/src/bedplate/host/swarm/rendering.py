"""The stack for Docker Swarm, made from the output of `docker compose config`."""

from collections.abc import Mapping
from typing import Any, Final

RELEASE_LABEL: Final = "bedplate.release"
JOBS: Final = {
    "migrate": ("replicated-job", ["python", "manage.py", "migrate", "--no-input"]),
    "default_user": ("replicated-job", ["python", "manage.py", "create_default_user"]),
    "static_files": ("global-job", ["python", "manage.py", "publish_static_files", "/srv/static"]),
}
ISOLATED: Final = "_isolated"
# Behind a migration that waits for a lock, all requests wait, too.
LOCK_TIMEOUT: Final = {"PGOPTIONS": "-c lock_timeout=5s"}
# A stack ignores these, or refuses them. Two have other places: no-new-privileges in the engine's settings, and the
# order of starts in nothing, because each service waits for the others by itself.
UNUSED: Final = (
    *("build", "depends_on", "restart", "security_opt", "profiles", "extends", "container_name"),
    *("cpu_shares", "mem_swappiness", "oom_score_adj", "shm_size"),
)
UPDATE: Final = {"parallelism": 1, "monitor": "10s", "failure_action": "rollback"}


def stack(
    config: Mapping[str, Any], *, release: str, images: Mapping[str, str], secrets: Mapping[str, str]
) -> dict[str, Any]:
    """Return the stack, as a Compose file.

    `images` are references with a digest, by the names in the configuration; `secrets` the names of the secrets in the
    swarm.
    """
    deployed, volumes_elsewhere = split(config["services"])
    services = {}
    for name, service in deployed.items():
        mounts = [each for each in service.get("volumes", ()) if each.get("source") not in volumes_elsewhere]
        services[name] = _service(name, {**service, "volumes": mounts}, release, images)
    isolated = {name for service in services.values() for name in service["networks"] if name.endswith(ISOLATED)}
    used = {each["source"] for service in services.values() for each in service.get("secrets", ())}
    volumes = {name: volume for name, volume in config["volumes"].items() if name not in volumes_elsewhere}
    return {
        "services": services,
        "secrets": {name: {"external": True, "name": secrets[name]} for name in sorted(used)},
        "volumes": volumes,
        "configs": config.get("configs") or {},
        "networks": {**config.get("networks", {}), **{name: {"internal": True} for name in isolated}},
    }


def split(services: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """Return the services that are deployed, and the volumes of those that are elsewhere: with `replicas: 0`."""
    elsewhere = {name for name, each in services.items() if str((each.get("deploy") or {}).get("replicas")) == "0"}
    volumes = {each.get("source") for name in elsewhere for each in services[name].get("volumes", ())}
    return {name: service for name, service in services.items() if name not in elsewhere}, volumes - {None}


def with_only(stack: Mapping[str, Any], services: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stack with these services in the place of its own."""
    return {**stack, "services": services}


def job(services: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the service of a job: `web` with another command, which runs to its end."""
    mode, command = JOBS[name]
    found = run_once(services["web"], command, mode=mode)
    if name == "migrate":
        found["environment"] = {**found["environment"], **LOCK_TIMEOUT}
    if name == "static_files":
        volume = {"type": "volume", "source": "static_files", "target": "/srv/static"}
        found["volumes"] = [*found["volumes"], volume]
    return found


def run_once(service: Mapping[str, Any], command: list[str], *, mode: str = "replicated-job") -> dict[str, Any]:
    """Return a service that runs a command to its end in a container like this service's."""
    deploy = {"mode": mode, "restart_policy": {"condition": "none"}, "labels": service["deploy"]["labels"]}
    for part in ("resources", "placement"):
        if part in service["deploy"]:
            deploy[part] = service["deploy"][part]
    kept = {key: value for key, value in service.items() if key not in ("ports", "healthcheck")}
    return {**kept, "command": command, "healthcheck": {"disable": True}, "deploy": deploy}


def _service(name: str, service: Mapping[str, Any], release: str, images: Mapping[str, str]) -> dict[str, Any]:
    found = {key: value for key, value in service.items() if key not in UNUSED and value is not None}
    found["image"] = images[service["image"]]
    found["deploy"] = _deploy(found.get("deploy") or {}, release)
    # A stack ignores `tmpfs:`.
    folders = [each.partition(":")[0] for each in found.pop("tmpfs", ())]
    found["volumes"] = [*({"type": "tmpfs", "target": folder} for folder in folders), *found["volumes"]]
    if found.pop("network_mode", "") == "none":  # a swarm has no such network: one that leads nowhere instead
        found["networks"] = {f"{name}{ISOLATED}": None}
    if "ports" in found:  # of the machine itself: nginx sees the client's address
        ports = ({key: value for key, value in port.items() if key != "host_ip"} for port in found["ports"])
        found["ports"] = [{**port, "published": int(port["published"]), "mode": "host"} for port in ports]
    if "secrets" in found:
        uid, _, gid = str(found.get("user", "0")).partition(":")
        owner = {"uid": uid, "gid": gid or uid, "mode": 0o400}
        found["secrets"] = [{"source": each["source"], "target": _target(each), **owner} for each in found["secrets"]]
    return found


def _deploy(given: Mapping[str, Any], release: str) -> dict[str, Any]:
    """Return the service's own `deploy`, with our defaults; of one that is on each machine, two do not fit there."""
    order = "stop-first" if given.get("mode") == "global" else "start-first"
    return {
        "endpoint_mode": "dnsrr",
        "restart_policy": {"condition": "any", "delay": "1s"},
        **given,
        "update_config": {**UPDATE, "order": order, **(given.get("update_config") or {})},
        "rollback_config": {"parallelism": 1, "order": order, **(given.get("rollback_config") or {})},
        "labels": {**(given.get("labels") or {}), RELEASE_LABEL: release},
    }


def _target(secret: Mapping[str, Any]) -> str:
    return str(secret.get("target") or secret["source"]).removeprefix("/run/secrets/")
