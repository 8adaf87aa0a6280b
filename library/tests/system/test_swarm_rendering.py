"""The stack of several machines: what it is made of, its images and names, and what is refused."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bedplate.host.configuration.environment import Environment
from bedplate.host.deploy.release import Deployment
from bedplate.host.errors import AbortError
from bedplate.host.steps import Steps
from bedplate.host.swarm import images, limits, rendering

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - in a container
ZEROS = "@sha256:" + "0" * 64


pytestmark = pytest.mark.usefixtures("dotenv")


def service(**parts: Any) -> dict[str, Any]:
    return {"image": "redis:8", "networks": {"default": None}, "volumes": [], **parts}


def config(**added: Any) -> dict[str, Any]:
    data = [{"type": "volume", "source": "uploads", "target": "/data"}]
    return {
        "services": {
            "web": service(volumes=data, deploy={"replicas": 2}),
            "celery": service(volumes=data, deploy={"replicas": 2}),
            "nginx": service(volumes=data, deploy={"mode": "global"}),
            **added,
        },
        "networks": {"default": {"name": "shop_default"}},
        "volumes": {"uploads": {"name": "shop_uploads"}},
        "secrets": {"email_password": {"file": "/srv/secrets/email_password"}},
    }


def render(given: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    limits.check(given, "shop")
    found = {each["image"]: each["image"].rpartition(":")[0] + ZEROS for each in given["services"].values()}
    return rendering.stack(given, release="r", images=found, secrets=options.get("secrets", {}))


# Rendering


def test_no_workers_for_now_and_uploads_are_still_there() -> None:
    """CELERY_REPLICAS=0 in .env."""
    given = config()
    given["services"]["celery"]["deploy"]["replicas"] = 0
    found = render(given)
    assert [mount["target"] for mount in found["services"]["web"]["volumes"]] == ["/data"]
    assert "uploads" in found["volumes"]


def test_a_port_of_loopback_is_not_published_to_the_world() -> None:
    port = {"mode": "ingress", "host_ip": "127.0.0.1", "target": 80, "published": "9000", "protocol": "tcp"}
    with pytest.raises(AbortError) as refused:
        render(config(admin=service(ports=[port])))
    assert refused.value.hints == ("admin: port 9000: a swarm opens it to all, not only to 127.0.0.1. Remove it",)


@pytest.mark.parametrize(
    "own",
    [
        {"ports": [{"mode": "ingress", "target": 80, "protocol": "tcp"}]},
        {"ports": [{"mode": "ingress", "target": 80, "published": "9000-9010", "protocol": "tcp"}]},
        {"network_mode": "host"},
        {"secrets": [{"source": "of_the_team"}]},
        {"privileged": True},
        {"mem_limit": "67108864"},
        {"image": None},
    ],
    ids=str,
)
def test_what_a_swarm_cannot_do_is_said(own: dict[str, Any]) -> None:
    """With the service's name, before the build and the push."""
    added = service(**own)
    if "network_mode" in own:
        del added["networks"]  # as Compose prints it
    with pytest.raises(AbortError) as refused:
        render(config(admin=added))
    assert refused.value.hints[0].startswith("admin: ")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"configs": {"c": {"file": "/srv/c"}}}, "configs: a swarm never changes one"),
        ({"services": {"celery": service()}}, "web: it has no replicas"),
        ({"services": {"web": service(), "migrate": service()}}, "migrate: a job of ./bedplate deploy has this name"),
        (
            {"services": {"web": service(), "nginx": service(environment={"MAINTENANCE": "yes"})}},
            "nginx: MAINTENANCE in .env is 'yes'. It is on or off",
        ),
    ],
)
def test_what_no_project_may_have_is_said(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(AbortError) as refused:
        render(config() | changes)
    assert refused.value.hints[0].startswith(said)


def test_a_long_project_name_is_refused() -> None:
    with pytest.raises(AbortError) as refused:
        limits.check(config(), "a" * 51)
    assert f"static_files: {'a' * 51}_static_files is longer than 63 characters" in " ".join(refused.value.hints)


def test_a_secret_that_others_have_made_is_taken() -> None:
    given = config(admin=service(secrets=[{"source": "theirs"}]))
    given["secrets"]["theirs"] = {"name": "theirs", "external": True}
    assert render(given)["secrets"] == {"theirs": {"name": "theirs", "external": True}}


def test_without_a_shared_folder_the_volume_is_the_machines_own() -> None:
    given = config()
    given["volumes"]["uploads"]["driver_opts"] = {"type": "none", "o": "bind", "device": ""}
    assert render(given)["volumes"]["uploads"] == {"name": "shop_uploads"}


def test_another_folder_for_uploads_is_another_volume() -> None:
    """A machine that has a volume of this name would go on using its folder."""
    names = set()
    for device in ("/a", "/b"):
        given = config()
        given["volumes"]["uploads"]["driver_opts"] = {"device": device}
        names.add(render(given)["volumes"]["uploads"]["name"])
    assert len(names) == 2


def test_options_of_tmpfs_and_secrets_are_kept() -> None:
    secret = {"source": "email_password", "target": "/etc/password", "uid": "33", "mode": "0440"}
    added = service(tmpfs=["/run/x:size=64m,mode=0700"], secrets=[secret], user="33:33")
    found = render(config(admin=added), secrets={"email_password": "v"})["services"]["admin"]
    assert found["secrets"] == [
        {"source": "email_password", "target": "/etc/password", "uid": "33", "gid": "33", "mode": 0o440}
    ]
    assert found["volumes"] == [{"type": "tmpfs", "target": "/run/x", "tmpfs": {"size": 64 * 2**20}}]


def test_a_service_with_a_port_is_stopped_first() -> None:
    """Two tasks cannot have one port of one machine: start-first never ends where each machine has one."""
    port = {"mode": "ingress", "target": 80, "published": "9000", "protocol": "tcp"}
    found = render(config(admin=service(ports=[port])))["services"]["admin"]
    assert found["deploy"]["update_config"]["order"] == "stop-first"


def test_a_service_that_ends_is_not_started_again_for_ever() -> None:
    found = render(config(prepare=service(restart="no")))["services"]["prepare"]
    assert found["deploy"]["restart_policy"]["condition"] == "none"


def test_shared_memory_of_the_verifier() -> None:
    """A stack ignores shm_size, and PostgreSQL would have 64 MB."""
    found = render(config(verifier=service(shm_size="268435456")))["services"]["verifier"]
    assert found["volumes"] == [{"type": "tmpfs", "target": SHARED_MEMORY, "tmpfs": {"size": 268435456}}]


def test_a_job_of_the_team() -> None:
    """Swarm refuses updates of one, and starts no other that ends."""
    found = render(config(prepare=service(deploy={"mode": "replicated-job"})))["services"]["prepare"]["deploy"]
    assert found["restart_policy"] == {"condition": "none"}
    assert not {"update_config", "rollback_config"} & set(found)


# Images


class Engine:
    """Answers `docker image inspect` with the digests of these images."""

    def __init__(self, digests: Mapping[str, list[str]]) -> None:
        self.digests = digests

    def __call__(self, command: list[str], **_: Any) -> "subprocess.CompletedProcess[str]":
        found = self.digests.get(command[-1])
        if found is None:
            return subprocess.CompletedProcess(command, 1, "", "no such image")
        return subprocess.CompletedProcess(command, 0, json.dumps(found), "")


def deployment(**changes: Any) -> Deployment:
    usual = Deployment(
        environment=Environment("prod"), old="old", new="new", earlier="old", pull="", rollback=False, restart=False,
        backup=False, wait=1,
    )  # fmt: skip
    return replace(usual, **changes)


def of_stack(image: str) -> dict[str, Any]:
    name, _, tag = image.partition(":")
    return {"image": f"{name}@sha256:{tag}", "deploy": {"labels": {rendering.IMAGE_LABEL: image}}}


def test_two_versions_of_an_image_stay_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """--restart, --rollback and rotate-secret."""
    monkeypatch.setattr(images, "attempt", Engine({}))
    earlier = {"services": {"a": of_stack("redis:7"), "b": of_stack("redis:8")}}
    given = {"services": {"a": {"image": "redis:7"}, "b": {"image": "redis:8"}}}
    found = images.pinned(given, deployment(restart=True), earlier)
    assert found["redis:8"] == "redis@sha256:8"


def test_another_tag_counts_at_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose on one machine replaces the service."""
    monkeypatch.setattr(images, "attempt", Engine({"redis:8": ["redis@sha256:8"]}))
    earlier = {"services": {"a": of_stack("redis:7")}}
    found = images.pinned({"services": {"a": {"image": "redis:8"}}}, deployment(restart=True), earlier)
    assert found["redis:8"] == "redis@sha256:8"


@pytest.mark.parametrize(
    ("image", "digest"),
    [
        ("docker.io/team/shop-web:1", "team/shop-web@sha256:1"),  # REGISTRY=docker.io/team/
        ("docker.io/library/redis:8", "redis@sha256:1"),
        ("redis:8@sha256:1", "redis@sha256:1"),
        ("redis@sha256:1", "redis@sha256:1"),
        ("ghcr.io/acme/auto-restart-agent:2", "ghcr.io/acme/auto-restart-agent@sha256:1"),
    ],
)
def test_an_image_that_is_here_has_a_digest(monkeypatch: pytest.MonkeyPatch, image: str, digest: str) -> None:
    monkeypatch.setattr(images, "attempt", Engine({image: [digest]}))
    assert images.pinned({"services": {"a": {"image": image}}}, deployment(), None) == {image: digest}


def test_a_tag_that_was_pushed_again_is_pulled_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The plan says "images with this tag in REGISTRY": after a failed deploy, the repaired image has the same tag."""
    monkeypatch.setattr(images, "attempt", Engine({"registry:5000/shop-web:v2": ["registry:5000/shop-web@sha256:bad"]}))
    ran: list[list[str]] = []
    steps = Steps(tmp_path / "log")
    monkeypatch.setattr(steps, "run", ran.append)
    images.pull({"services": {"web": {"image": "registry:5000/shop-web:v2"}}}, steps, own=True)
    assert ran == [["docker", "pull", "--quiet", "registry:5000/shop-web:v2"]]
