"""A fake docker with a swarm: its state is a file; services and jobs are there at once."""

# ruff: noqa: T201, PLR0912 - it prints, and has a branch for each command

import base64
import fnmatch
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
STATE = HERE / "state.json"


def values(file: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", Path(file).read_text(), re.MULTILINE))


def configuration(release: str) -> dict[str, Any]:
    def own(part: str, **more: object) -> dict[str, Any]:
        return {
            "image": f"registry:5000/shop-{part}:{release}",
            "networks": {"default": None},
            "environment": {"POSTGRES_HOST": "db.example.com", "RELEASE": release},
            "secrets": [{"source": "postgres_password"}],
            "deploy": {"replicas": 1},
            **more,
        }

    found = {
        "services": {name: own("web") for name in ("web", "celery")} | {"cron": own("cron"), "nginx": own("nginx")},
        "networks": {"default": {"name": "shop_default"}},
        "volumes": {"uploads": {"name": "shop_uploads"}},
        "secrets": {"postgres_password": {}, "theirs": {"name": "theirs", "external": True}},
    }
    more = HERE / "more.json"
    if more.exists():
        found["services"] |= json.loads(more.read_text())
    return found


def yaml(found: dict[str, Any]) -> str:
    lines = ["services:"]
    for name, each in found["services"].items():
        lines += [f"  {name}:", f"    image: {each.get('image', '')}", "    environment:", "      POSTGRES_HOST: db"]
    lines += ["secrets:"]
    for name in ("secret_key", "postgres_password", "default_user_password"):
        lines += [f"  {name}:", f"    file: {Path.cwd()}/secrets/{name}", "    x-length: 12"]
    if Path("secrets/valkey_url").exists():
        lines += ["  valkey_url:", f"    file: {Path.cwd()}/secrets/valkey_url", "    x-length: 32"]
        lines += ["    x-form: redis://queue:SECRET@valkey:6379"]
    return "\n".join(lines)


def main(words: list[str]) -> int:
    state = json.loads(STATE.read_text()) if STATE.exists() else {"configs": {}, "secrets": {}, "services": {}}
    line = " ".join(words)
    with (HERE / "calls").open("a") as calls:
        calls.write(f"{line}\n")
    rules = HERE / "fails"
    for rule in rules.read_text().splitlines() if rules.exists() else ():
        pattern, _, said = rule.partition("\t")
        if fnmatch.fnmatch(line, pattern):
            print(said, file=sys.stderr)
            return 1
    status = answer(words, line, state)
    STATE.write_text(json.dumps(state))
    return status


def answer(words: list[str], line: str, state: dict[str, Any]) -> int:
    if line.startswith("version"):
        print("26.1.5")
    elif line.startswith("compose version"):
        print("2.26.1-4")
    elif line.startswith("buildx"):
        print("github.com/docker/buildx 0.13.1 0.13.1")
    elif line == "info --format {{json .Swarm}}":
        print(json.dumps({"LocalNodeState": "active", "ControlAvailable": True}))
    elif line == "info --format {{.Swarm.NodeID}}":
        print("node1")
    elif line.startswith("node ls"):
        node = {"ID": "n", "Hostname": "one", "Status": "Ready", "Availability": "Active", "EngineVersion": "28.5"}
        print(json.dumps(node))
    elif words[0] in ("config", "secret"):
        return stored(words, line, state[f"{words[0]}s"])
    elif line.startswith("compose --env-file") and "config" in words:
        print(json.dumps(configuration(values(words[2])["RELEASE"])))
    elif line == "compose config --format json":
        print(json.dumps(configuration(values(".env")["RELEASE"])))
    elif line == "compose config":
        print(yaml(configuration(values(".env")["RELEASE"])))
    elif line.startswith("image inspect --format {{json .RepoDigests}}"):
        print(json.dumps([f"{words[-1].rpartition(':')[0]}@sha256:{hashlib.sha256(words[-1].encode()).hexdigest()}"]))
    elif line.startswith("image inspect"):
        print(words[-1])
    elif line.startswith("stack deploy"):
        for name, service in json.load(sys.stdin)["services"].items():
            state["services"][f"{words[-1]}_{name}"] = service
    elif line.startswith("stack services"):
        for name, service in state["services"].items():
            print(name, service["deploy"].get("mode", "replicated").replace("-", " "))
    elif line.startswith("service rm"):
        state["services"].pop(words[2], None)
    elif line.startswith("service ps"):
        print(f"task-{words[-1]}")
    elif line.startswith("inspect --type task"):
        print(json.dumps([task(word.removeprefix("task-"), state) for word in words[3:]]))
    elif line.startswith("inspect --type service"):
        print(json.dumps([shown(name, state) for name in words[3:] if name in state["services"]]))
    return 0


def stored(words: list[str], line: str, found: dict[str, Any]) -> int:
    name = words[-1]
    if words[1] == "create":
        name = words[-2]
        labels = dict(word.partition("=")[::2] for word in words if "=" in word)
        found[name] = {"data": base64.b64encode(sys.stdin.buffer.read()).decode(), "labels": labels}
    elif words[1] == "ls":
        for each in found:
            print(json.dumps({"Name": each}) if "{{json" in line else each)
    elif name not in found:
        print(f"Error response from daemon: {words[0]} {name} not found", file=sys.stderr)
        return 1
    elif words[1] == "rm":
        del found[name]
    elif "Spec.Data" in line:
        print(json.dumps(found[name]["data"]))
    elif "Labels" in line:
        print(found[name]["labels"].get("bedplate.deploy", ""))
    return 0


def container(service: dict[str, Any]) -> dict[str, Any]:
    return {"Image": service["image"], "Secrets": service.get("secrets"), "Env": service.get("environment")}


def task(name: str, state: dict[str, Any]) -> dict[str, Any]:
    service = state["services"][name]
    job = service["deploy"].get("mode", "").endswith("job")
    return {
        "ID": f"task-{name}",
        "CreatedAt": "1",
        "DesiredState": "complete" if job else "running",
        "Status": {"State": "complete" if job else "running", "ContainerStatus": {"ExitCode": 0}},
        "Spec": {"ContainerSpec": container(service)},
    }


def shown(name: str, state: dict[str, Any]) -> dict[str, Any]:
    service = state["services"][name]
    mode = {"Global": {}} if service["deploy"].get("mode") == "global" else {"Replicated": {"Replicas": 1}}
    labels = service["deploy"]["labels"]
    template = {"ContainerSpec": container(service)}
    return {"ID": name, "Spec": {"Name": name, "Labels": labels, "Mode": mode, "TaskTemplate": template}}


raise SystemExit(main(sys.argv[1:]))
