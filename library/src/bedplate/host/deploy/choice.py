"""The choice of the release to deploy, and its checks."""

from dataclasses import dataclass
from typing import Final

from bedplate.host import ROOT
from bedplate.host.configuration import env_file
from bedplate.host.configuration.environment import Environment
from bedplate.host.deploy.containers import Stack, containers_of, has_image
from bedplate.host.deploy.release import Deployment, name_of_build, name_of_restart, newest
from bedplate.host.errors import AbortError
from bedplate.host.programs import output
from bedplate.host.steps import Steps

LOCAL_HINT: Final = "LOCAL shows what changes at once; there is nothing to deploy."
USUAL_PARTS: Final = ("web", "nginx", "cron")  # in every release; an older one may lack services that a team added


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The options of a deploy."""

    pull: str = ""
    rollback: bool = False
    restart: bool = False
    backup: bool = True
    wait: int


def choose(environment: Environment, wanted: Choice) -> Deployment:
    """Return the deployment. Raise AbortError if it is impossible."""
    deployment = next_deployment(environment, wanted)
    check_backup(deployment)
    check_web_is_of_old(deployment)
    if wanted.rollback:
        check_rollback(deployment)
    elif wanted.pull:
        check_can_pull(deployment)
    check_is_another(deployment)
    return deployment


def next_deployment(environment: Environment, wanted: Choice) -> Deployment:
    """Return the deployment from the release in `.env` to the wanted one."""
    old, previous = env_file.get("RELEASE"), env_file.get("PREVIOUS_RELEASES")
    if wanted.rollback:
        new, _, earlier = previous.partition(" ")
    elif wanted.restart:
        new, earlier = name_of_restart(old), previous
    else:
        new = wanted.pull or name_of_build()
        earlier = newest(old, new, previous)
    return Deployment(
        environment=environment,
        old=old,
        new=new,
        earlier=earlier,
        pull=wanted.pull,
        rollback=wanted.rollback,
        restart=wanted.restart,
        backup=wanted.backup and (ROOT / "google_storage.sh").exists(),  # a project may have no backups
        wait=wanted.wait,
    )


def check_is_another(deployment: Deployment) -> None:
    """Raise AbortError if the wanted release is the one that runs."""
    if deployment.new == deployment.old:
        raise AbortError(f"the release {deployment.new} is the one that runs.", "Nothing needs to be deployed.")


def check_backup(deployment: Deployment) -> None:
    """Raise AbortError if there is no store for the backup."""
    if deployment.backup and deployment.builds and not env_file.get("BACKUP_URL"):
        raise AbortError(
            "there is no store for the backup: BACKUP_URL in .env is empty.",
            "Set it (library/docs/how-to/backups.md), or deploy without a backup: ./bedplate deploy --no-backup",
        )


def check_web_is_of_old(deployment: Deployment) -> None:
    """Raise AbortError if `.env` names another release than the one that serves: a rollback needs the right one."""
    image = deployment.image("web", deployment.old)
    images = [found.image for found in containers_of("web") if found.state == "running"]
    if images and image not in images:
        raise AbortError(
            f"web runs {images[0]}, but .env says RELEASE={deployment.old}.",
            "Make them agree: put the right RELEASE into .env,",
            "or start what it says: docker compose up --detach --wait",
        )


def usual_parts(deployment: Deployment) -> list[str]:
    """Return the services that every release of this project has."""
    stack = Stack(deployment, Steps(ROOT / "deploy.log", total=0))
    return [name for name in stack.own(stack.services_now()) if name in USUAL_PARTS]


def check_can_pull(deployment: Deployment) -> None:
    """Raise AbortError if an image is missing and there is no registry."""
    if env_file.get("REGISTRY"):
        return
    names = (deployment.image(part, deployment.new) for part in usual_parts(deployment))
    if missing := [name for name in names if not has_image(name)]:
        here = [
            "docker",
            "image",
            "ls",
            "--format",
            "{{.Tag}}",
            "--filter",
            f"reference={deployment.image('web', '*')}",
        ]
        raise AbortError(
            f"there is no image {missing[-1]} here, and REGISTRY in .env is empty: it can be pulled from nowhere.",
            f"Here are: {' '.join(output(here).split())}",
            "To deploy one of these: ./bedplate deploy --pull TAG",
            "To deploy another: check its commit out, then ./bedplate deploy; "
            "or set REGISTRY (library/docs/how-to/deploy-and-roll-back.md)",
        )


def check_rollback(deployment: Deployment) -> None:
    """Raise AbortError if there is no previous release, or if one of its images is gone."""
    if not deployment.new:
        raise AbortError(
            f"there is nothing to go back to: {deployment.old} is the first release that .env knows of.",
            "Repair what is wrong, and deploy that.",
        )
    for part in usual_parts(deployment):
        image = deployment.image(part, deployment.new)
        if not has_image(image):
            raise AbortError(
                f"the previous release cannot be restored: its image {image} is gone.",
                f"If it is in the registry: docker pull {image}; then run this again. "
                "Or check that version out, and deploy it.",
            )
