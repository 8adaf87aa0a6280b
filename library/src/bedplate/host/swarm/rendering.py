"""The stack for Docker Swarm, made from the output of `docker compose config`. What it cannot be: `limits`."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

RELEASE_LABEL: Final = "bedplate.release"
IMAGE_LABEL: Final = "bedplate.image"
"""The name of the image, as the Compose files have it: what runs is pinned by digest."""
JOBS: Final = {
    "migrate": ("replicated-job", ["python", "manage.py", "migrate", "--no-input"]),
    "check_uploads": ("replicated-job", ["python", "manage.py", "check_uploads"]),
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
    *("cpu_shares", "mem_swappiness", "oom_score_adj", "pull_policy", "shm_size"),
)
RESTARTS: Final = {"no": "none", "on-failure": "on-failure"}
UNITS: Final = {"k": 2**10, "m": 2**20, "g": 2**30}
UPDATE: Final = {"parallelism": 1, "monitor": "10s", "failure_action": "rollback"}


def stack(
    config: Mapping[str, Any], *, release: str, images: Mapping[str, str], secrets: Mapping[str, str]
) -> dict[str, Any]:
    """Return the stack, as a Compose file.

    `images` are references with a digest, by the names in the configuration; `secrets` the names in the swarm of the
    project's secrets: others are taken as they are.
    """
    deployed, volumes_elsewhere = split(config["services"])
    services = {}
    for name, service in deployed.items():
        mounts = [each for each in service.get("volumes", ()) if each.get("source") not in volumes_elsewhere]
        services[name] = _service(name, {**service, "volumes": mounts}, release, images)
    isolated = {name for service in services.values() for name in service["networks"] if name.endswith(ISOLATED)}
    used = {each["source"] for service in services.values() for each in service.get("secrets", ())}
    volumes = {name: volume for name, volume in config["volumes"].items() if name not in volumes_elsewhere}
    own = {name: {"external": True, "name": version} for name, version in secrets.items()}
    return {
        "services": services,
        "secrets": {name: own.get(name) or config["secrets"][name] for name in sorted(used)},
        "volumes": {name: _volume(volume) for name, volume in volumes.items()},
        "networks": {**config.get("networks", {}), **{name: {"internal": True} for name in isolated}},
    }


def split(services: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """Return the services that are deployed, and the volumes of only the others: those have `replicas: 0`."""
    deployed = {name: service for name, service in services.items() if not _is_elsewhere(service)}
    volumes = {name: {mount.get("source") for mount in each.get("volumes", ())} for name, each in services.items()}
    used = {volume for name in deployed for volume in volumes[name]}
    return deployed, {volume for name in services for volume in volumes[name]} - used


def _is_elsewhere(service: Mapping[str, Any]) -> bool:
    return str((service.get("deploy") or {}).get("replicas")) == "0"


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


def is_job(service: Mapping[str, Any]) -> bool:
    """Return whether the service runs to its end."""
    return str((service.get("deploy") or {}).get("mode", "")).endswith("-job")


def _service(name: str, service: Mapping[str, Any], release: str, images: Mapping[str, str]) -> dict[str, Any]:
    found = {key: value for key, value in service.items() if key not in UNUSED and value is not None}
    found["image"] = images[service["image"]]
    found["deploy"] = _deploy(service, release)
    found["volumes"] = [*_in_memory(service), *found["volumes"]]
    found.pop("tmpfs", None)  # a stack ignores it
    if found.pop("network_mode", "") == "none":  # a swarm has no such network: one without a way out instead
        found["networks"] = {f"{name}{ISOLATED}": None}
    if "ports" in found:  # of the machine itself: nginx sees the client's address
        ports = ({key: value for key, value in port.items() if key != "host_ip"} for port in found["ports"])
        found["ports"] = [{**port, "published": int(port["published"]), "mode": "host"} for port in ports]
    if "secrets" in found:
        user = str(found.get("user", "0"))
        found["secrets"] = [{**_owner(user, each), "source": each["source"]} for each in found["secrets"]]
    return found


def _deploy(service: Mapping[str, Any], release: str) -> dict[str, Any]:
    """Return the service's own `deploy`, with our defaults.

    Where a task has a port of its machine, or is one of each machine, two do not fit there.
    """
    given = service.get("deploy") or {}
    labels = {**(given.get("labels") or {}), RELEASE_LABEL: release, IMAGE_LABEL: service["image"]}
    if is_job(service):
        return {"restart_policy": {"condition": "none"}, **given, "labels": labels}
    alone = given.get("mode") == "global" or service.get("ports")
    order = "stop-first" if alone else "start-first"
    restart = RESTARTS.get(str(service.get("restart", "")).partition(":")[0], "any")
    return {
        "endpoint_mode": "dnsrr",
        "restart_policy": {"condition": restart, "delay": "1s"},
        **given,
        "update_config": {**UPDATE, "order": order, **(given.get("update_config") or {})},
        "rollback_config": {"parallelism": 1, "order": order, **(given.get("rollback_config") or {})},
        "labels": labels,
    }


def _in_memory(service: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return mounts for `tmpfs` and `shm_size`. Of a mount's options, a stack knows the size."""
    sizes = {}
    for each in service.get("tmpfs") or ():
        target, _, options = each.partition(":")
        sizes[target] = dict(option.partition("=")[::2] for option in options.split(",")).get("size", "")
    if service.get("shm_size"):
        sizes["/dev/shm"] = str(service["shm_size"])  # noqa: S108 - in a container
    return [
        {"type": "tmpfs", "target": target, **({"tmpfs": {"size": _bytes(size)}} if size else {})}
        for target, size in sizes.items()
    ]


def _bytes(size: str) -> int:
    """Return the number of bytes of `64m`, `1g` or `67108864`."""
    number, unit = size.lower().rstrip("b"), 1
    if number[-1] in UNITS:
        number, unit = number[:-1], UNITS[number[-1]]
    return int(float(number) * unit)


def _volume(volume: Mapping[str, Any]) -> dict[str, Any]:
    """Return the volume; its name tells other options apart: a machine that has the volume would ignore new ones.

    Without a folder to bind (SHARED_DATA), it is one of the machine's own.
    """
    if not volume.get("driver_opts") or volume["driver_opts"].get("device") == "":
        return {key: value for key, value in volume.items() if key != "driver_opts"}
    digest = sha256(json.dumps(volume["driver_opts"], sort_keys=True).encode()).hexdigest()[:8]
    return {**volume, "name": f"{volume['name']}_{digest}"}


def _owner(user: str, secret: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a secret is, and who reads it: the service's user alone, if that is a number."""
    uid, _, gid = user.partition(":")
    owner = {"uid": uid, "gid": gid or uid, "mode": 0o400}
    if not uid.isdecimal():
        owner = {"uid": "0", "gid": "0", "mode": 0o444}
    given = {key: secret[key] for key in ("uid", "gid", "mode") if key in secret}
    if isinstance(given.get("mode"), str):
        given["mode"] = int(given["mode"], 8)
    target = str(secret.get("target") or secret["source"]).removeprefix("/run/secrets/")
    return {**owner, **given, "target": target}
