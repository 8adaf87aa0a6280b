"""The steps of a deploy to a swarm, and the way back."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bedplate.host import ROOT, installed_as
from bedplate.host.commands.docker import compose
from bedplate.host.configuration import env_file
from bedplate.host.configuration.secret_list import Secret
from bedplate.host.deploy.release import CANDIDATE, Deployment
from bedplate.host.errors import HostError
from bedplate.host.programs import output
from bedplate.host.secrets_folder import SecretsFolder
from bedplate.host.steps import CommandError, Steps
from bedplate.host.swarm import images, one_off, releases, rendering, tasks, versions


@dataclass
class SwarmSteps:
    """The steps of one deploy to a swarm."""

    deployment: Deployment
    secrets: Mapping[str, Secret]
    steps: Steps
    replacing: bool = field(default=False, init=False)
    """True once services of the release that serves may have been replaced, by this deploy or one that was killed."""
    published: bool = field(default=False, init=False)
    """True once static files of the next release may have been published."""
    done: bool = field(default=False, init=False)

    @property
    def project(self) -> str:
        """The name of the stack."""
        return env_file.get("COMPOSE_PROJECT_NAME")

    @cached_property
    def previous(self) -> dict[str, Any] | None:
        """The stack that runs; None before the first deploy."""
        return releases.find(self.deployment.old)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The configuration of the next release, as Compose resolves it."""
        command = compose("--env-file", CANDIDATE, "config", "--format", "json")
        found: dict[str, Any] = json.loads(output(command, environment={**os.environ, "DOTENV": CANDIDATE}))
        return found

    @cached_property
    def stack(self) -> dict[str, Any]:
        """The next stack: images by digest, secrets by version."""
        deployment = self.deployment
        earlier = releases.find(deployment.new) if deployment.rollback else self.previous
        return rendering.stack(
            self.config,
            release=deployment.new,
            images=images.pinned(self.config, deployment, earlier),
            secrets=versions.create(self.secrets),
        )

    @property
    def _folder(self) -> SecretsFolder:
        return SecretsFolder(secrets=self.secrets, environment=self.deployment.environment)

    def get_images(self) -> None:
        """Build the images and push them, or pull them; then write new secrets, and all of them into the swarm."""
        self._folder.write_missing()
        installed_as.set_project(self.project)
        self._folder.note()
        if self.deployment.pull:
            images.pull(self.config, self.steps, own=True)
        elif self.deployment.builds:
            self.steps.run(compose("--env-file", CANDIDATE, "build"), variables={"DOTENV": CANDIDATE})
            images.push(self.config, self.steps)
            images.pull(self.config, self.steps, own=False)
        self.steps.say(*(f"{name}: {service['image']}" for name, service in self.stack["services"].items()))

    def back_up(self) -> None:
        """Back up, unless that is switched off, or there is nothing yet."""
        if self.deployment.backup and self.previous:
            self.steps.run(["./google_storage.sh", "-b"])
        else:
            self.steps.say("not requested" if self.previous else "nothing is deployed yet")

    def migrate(self) -> None:
        """Migrate the database; before the first deploy, also create the first user."""
        self.run_job("migrate")
        if not self.previous:
            self.run_job("default_user")

    def check_uploads(self) -> None:
        """Check the bucket of uploads, if it is another one or has another key. A migration does it by itself."""
        if self.previous and _uploads(self.previous) == _uploads(self.stack):
            self.steps.say("the same as before")
        else:
            self.run_job("check_uploads")

    def publish_static_files(self) -> None:
        """Publish the static files on each machine, which pulls the image there: one without room fails here."""
        self.published = True
        self.run_job("static_files")

    def run_job(self, name: str) -> None:
        """Run a job of the next release to its end."""
        service = f"{self.project}_{name}"
        tasks.remove([service])
        self._deploy_job(self.stack, name)
        failed = tasks.wait_for_job(service, wait=self.deployment.wait)
        tasks.show_log(service, self.steps)
        if failed:
            raise CommandError(f"{service} failed: {failed.error}")

    def _deploy_job(self, stack: Mapping[str, Any], name: str) -> None:
        self._deploy(rendering.with_only(stack, {name: rendering.job(stack["services"], name)}))

    def replace(self) -> None:
        """Replace the services, each task by a healthy one; then write the release into `.env`."""
        deployment = self.deployment
        self.replacing = True
        self._deploy(self.stack)
        self._wait(self.stack, deployment.new)
        self.remove_others(self.stack)
        releases.store(deployment.new, self.stack)
        deployment.write_release()
        self.done = True
        (ROOT / CANDIDATE).unlink(missing_ok=True)
        try:
            self.forget_unused()
        except HostError as error:  # the release serves; the next deploy does it
            self.steps.say(f"Earlier releases are not forgotten: {error}")

    def forget_unused(self) -> None:
        """Remove the stacks of forgotten releases, and the secrets that no kept one names."""
        kept = {self.deployment.new, *self.deployment.earlier.split()}
        releases.forget(kept)
        versions.remove_unused([stack for release in kept if (stack := releases.find(release))])

    def go_back(self) -> None:
        """Make the swarm run what it ran before: all services, not only the one that failed."""
        tasks.remove(f"{self.project}_{name}" for name in rendering.JOBS if name != "static_files" or self.published)
        if self.published and self.previous:  # for machines that join
            self._deploy_job(self.previous, "static_files")
        if self.replacing and self.previous:
            self._deploy(self.previous)
            self._wait(self.previous, self.deployment.old)
            self.remove_others(self.previous)
        (ROOT / CANDIDATE).unlink(missing_ok=True)

    def _wait(self, stack: Mapping[str, Any], release: str) -> None:
        tasks.wait_for_services(stack, release, project=self.project, wait=self.deployment.wait, steps=self.steps)

    def remove_others(self, stack: Mapping[str, Any]) -> None:
        """Remove services that are not in the stack, except jobs: one runs on machines that join, others are commands.

        The option --prune of `docker stack deploy` would remove them, and naming the first there would run it again.
        """
        kept = {f"{self.project}_{name}" for name in stack["services"]}
        jobs = {f"{self.project}_{name}" for name in rendering.JOBS if name != "static_files"}
        for name, mode in tasks.modes(self.project).items():
            if name in jobs - kept or (name not in kept and not mode.endswith("job")):  # other jobs: a backup that runs
                tasks.remove([name])

    def _deploy(self, stack: Mapping[str, Any]) -> None:
        for name, (before, after) in tasks.other_modes(stack, self.project).items():  # a swarm does not change it
            self.steps.say(f"{name}: {before} to {after}, so it is removed first")
            tasks.remove([name])
        self.steps.say(one_off.deploy(stack, self.project))


def _uploads(stack: Mapping[str, Any]) -> tuple[object, ...]:
    """Return the bucket, its service, and the version of its key."""
    variables = stack["services"]["web"].get("environment", {})
    named = (variables.get(name) for name in ("MEDIA_URL", "S3_ENDPOINT", "S3_REGION"))
    return *named, stack["secrets"].get("media_credentials")
