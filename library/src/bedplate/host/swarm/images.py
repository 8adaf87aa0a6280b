"""The images of a release, by their digests: a tag can be moved, a digest cannot."""

import json
from collections.abc import Mapping
from typing import Any

from bedplate.host.configuration import services
from bedplate.host.deploy.containers import CONTENT, has_image
from bedplate.host.deploy.release import RESTART, Deployment
from bedplate.host.programs import attempt
from bedplate.host.steps import CommandError, Steps
from bedplate.host.swarm.rendering import IMAGE_LABEL, split


def names(config: Mapping[str, Any]) -> list[str]:
    """Return the images of the services, each once."""
    deployed, _volumes = split(config["services"])
    return list(dict.fromkeys(str(service["image"]) for service in deployed.values()))


def is_own(image: str) -> bool:
    """Return whether this project builds the image."""
    return image.startswith(services.image_prefix())


def push(config: Mapping[str, Any], steps: Steps) -> None:
    """Push the images that were built here."""
    for image in filter(is_own, names(config)):
        steps.run(["docker", "push", "--quiet", image])


def pull(config: Mapping[str, Any], steps: Steps, *, own: bool) -> None:
    """Pull the images, for their digests: what is deployed is what was seen here. `own`: also those of this project."""
    for image in names(config):
        if (own and is_own(image)) or not digest_of(image):
            steps.run(["docker", "pull", "--quiet", image])


def pinned(config: Mapping[str, Any], deployment: Deployment, earlier: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the reference with a digest for each image. `earlier` is the stack that runs, or the one to go back to.

    An image without changes keeps the reference of the earlier stack, so that its services are not replaced. Raise
    CommandError if an image has no digest.
    """
    found = {}
    for image in names(config):
        known = _of_stack(image, earlier)
        unchanged = known and (not deployment.builds or _same_content(known, image))
        reference = known if unchanged else digest_of(RESTART.sub("", image) if is_own(image) else image)
        if not reference:
            raise CommandError(f"{image} has no digest: it is in no registry that this machine has asked.")
        found[image] = reference
    return found


def digest_of(image: str) -> str:
    """Return the image's reference with the digest in its registry; empty without one."""
    result = attempt(["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", image])
    digests = json.loads(result.stdout) if result.returncode == 0 else []
    return next((each for each in digests or () if repository(each) == repository(image)), "")


def repository(image: str) -> str:
    """Return the image's name without tag and digest, and without what Docker does not write for its own registry."""
    name = image.partition("@")[0]
    if ":" in name.rpartition("/")[2]:
        name = name.rpartition(":")[0]
    return name.removeprefix("docker.io/").removeprefix("library/")


def _of_stack(image: str, stack: Mapping[str, Any] | None) -> str:
    """Return the reference of the same image in a stack: of ours whichever release, of others with the same tag."""
    for service in (stack or {}).get("services", {}).values():
        reference, name = str(service["image"]), service["deploy"]["labels"].get(IMAGE_LABEL, "")
        if repository(reference) == repository(image) and (is_own(image) or name == image):
            return reference
    return ""


def _same_content(one: str, other: str) -> bool:
    shown = [attempt(["docker", "image", "inspect", "--format", CONTENT, image]).stdout for image in (one, other)]
    return has_image(one) and shown[0] == shown[1]
