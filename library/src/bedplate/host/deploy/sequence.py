"""The steps of a deploy, and the way back from each."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from bedplate.host import ROOT, installed_as
from bedplate.host.configuration import env_file
from bedplate.host.configuration.secret_list import Secret
from bedplate.host.database_role import limit_database_role
from bedplate.host.deploy.containers import Stack, containers_of, has_image
from bedplate.host.deploy.release import CANDIDATE, RESTART, Deployment
from bedplate.host.install.services import running, start_what_is_down
from bedplate.host.password_lists import PasswordLists
from bedplate.host.secrets_folder import SecretsFolder
from bedplate.host.steps import CommandError, Steps

LOCK_TIMEOUT = "PGOPTIONS=-c lock_timeout=5s"  # behind a migration that waits for a lock, all requests wait, too
STOP_TIMEOUT = "5"  # seconds


@dataclass(frozen=True)
class DeploySteps:
    """The steps of one deploy."""

    deployment: Deployment
    secrets: Mapping[str, Secret]
    stack: Stack
    steps: Steps

    @property
    def passwords(self) -> PasswordLists:
        """The password lists of the servers that check hashes."""
        found = self.stack.services_now()
        return PasswordLists(secrets=self.secrets, services=found, steps=self.steps, wait=self.deployment.wait)

    @property
    def migration_container(self) -> str:
        """The name of the migration container."""
        return f"{env_file.get('COMPOSE_PROJECT_NAME')}-migration"

    def hold_requests(self) -> None:
        """Clean up after an interrupted deploy; then fix nginx to the web that serves.

        So the next web gets no request before it is healthy.
        """
        folder = SecretsFolder(secrets=self.secrets, environment=self.deployment.environment)
        folder.write_missing()
        self.passwords.add()
        installed_as.set_project(env_file.get("COMPOSE_PROJECT_NAME"))
        folder.note()
        self.passwords.accept_current()
        self.go_back()
        if serving := self.stack.web_of(self.deployment.old):
            self.stack.route(*serving)
        if self.deployment.rollback:
            self._complete_images()

    def name_images(self) -> None:
        """Give the images another name, to distinguish the new containers from those that serve."""
        for part in self.stack.parts():
            self._tag(part)
        self.test_nginx()
        if env_file.get("MEDIA_URL"):  # of .env as it is now; a deploy checks that before it migrates
            self.stack.next("run", "--rm", "--no-deps", "--no-TTY", "web", "python", "manage.py", "check_uploads")

    def get_images(self) -> None:
        """Build the images, or pull them."""
        if self.deployment.pull:
            if env_file.get("REGISTRY"):
                self._complete_images()
            by_image = {image: name for name, image in reversed(self.stack.own(self.stack.services_next()).items())}
            self.stack.next("pull", "--policy", "missing", *reversed(by_image.values()))
        else:
            self.stack.next("build")
        self.test_nginx()

    def test_nginx(self) -> None:
        """Test nginx's configuration before anything is replaced."""
        self.stack.next("run", "--rm", "--no-deps", "--no-TTY", "nginx", "nginx", "-t")

    def _complete_images(self) -> None:
        """Reuse the running image of a service that an older release does not have."""
        for part in self.stack.parts():
            if not has_image(self.deployment.image(part, self.deployment.new)):
                self._tag(part)

    def _tag(self, part: str) -> None:
        old, new = (self.deployment.image(part, release) for release in (self.deployment.old, self.deployment.new))
        if has_image(old):
            self.steps.run(["docker", "tag", old, new])

    def back_up(self) -> None:
        """Back up, unless that is switched off."""
        if self.deployment.backup:
            self.steps.run(["./google_storage.sh", "-b"])
        else:
            self.steps.say("not requested")

    def migrate(self) -> None:
        """Migrate the database. Wait only a few seconds for a lock."""
        limit_database_role(self.stack.services_now(), self.steps)
        options = (
            "--rm",
            "--no-deps",
            "--no-TTY",
            "--name",
            self.migration_container,
            "--env",
            LOCK_TIMEOUT,
        )
        self.stack.next("run", *options, "web", "python", "manage.py", "migrate", "--no-input")

    def publish_static_files(self) -> None:
        """Publish the application's static files for nginx."""
        volume = f"{env_file.get('COMPOSE_PROJECT_NAME')}_static_files:/srv/static"
        options = ("--rm", "--no-deps", "--no-TTY", "--volume", volume)
        self.stack.next("run", *options, "web", "python", "manage.py", "publish_static_files", "/srv/static")

    def start_beside(self) -> None:
        """Start services that were added, then the new web beside the old one; wait until it is healthy."""
        self.stack.run_or_report(self._start_added)
        self._keep_nginx()
        self.stack.wait_until_settled()
        scale = len(containers_of("web")) + max(1, len(self.stack.web_of(self.deployment.old)))
        self.stack.next("up", "--detach", "--no-recreate", "--scale", f"web={scale}", "web")
        self.stack.wait_until_healthy(self.stack.web_besides(self.deployment.old))

    def _start_added(self) -> None:
        """Start services of the file that are not built here and do not run: those that a release or a team added."""
        found, present = self.stack.services_next(), running(self.steps)
        own = self.stack.own(found)
        if added := [name for name in found if name not in present and name not in own]:
            self.stack.next("up", "--detach", "--no-recreate", *self.stack.wait_options, *added)

    def _keep_nginx(self) -> None:
        """Keep the image name of an unchanged nginx, so that it is not replaced: only one can have port 443."""
        present = containers_of("nginx")
        image = present[0].image if present else ""
        if self.stack.same_content(self.deployment.image("nginx", self.deployment.new), image):
            self.deployment.write_candidate(image.rpartition(":")[2])

    def switch_to_new(self) -> None:
        """Replace nginx if it changed, and send requests to the new web."""
        started, before = time.monotonic(), self._nginx()
        options = ("--detach", "--no-deps", *self.stack.wait_options, "--timeout", STOP_TIMEOUT)
        self.stack.next("up", *options, "nginx")
        if self._nginx() != before:
            self.steps.say(f"nginx was replaced, and down for less than {int(time.monotonic() - started) + 1} s")
        self.stack.route(*self.stack.web_of(self.deployment.new))

    def _nginx(self) -> str:
        return self.steps.output(["docker", "compose", "ps", "--quiet", "nginx"])

    def replace_the_others(self) -> None:
        """Run the last step. After it has written `.env`, only --rollback goes back.

        Servers with passwords come last: until then, the old release may have to continue, perhaps without passwords.
        """
        own = self.stack.own(self.stack.services_next())
        others = [name for name, image in own.items() if name not in ("web", "nginx") and has_image(image)]
        self.stack.run_or_report(self.stack.replace_next, others)
        self.deployment.write_release()
        self.go_back()
        self.passwords.accept_only_current()
        self._prune_images()
        (ROOT / CANDIDATE).unlink(missing_ok=True)

    def _prune_images(self) -> None:
        """Remove the images of releases that are not needed to go back.

        A rollback keeps the release that it left, to go forward again. A restart removes only other names of the
        running release.
        """
        if self.deployment.rollback:
            return
        kept = {env_file.get("RELEASE"), *env_file.get("PREVIOUS_RELEASES").split(), "local"}
        pattern = f"{RESTART.sub('', self.deployment.old)}-restart-*" if self.deployment.restart else "*"
        for part in self.stack.parts():
            if part == "nginx":
                kept.add(env_file.get("NGINX_RELEASE"))
            reference = f"reference={self.deployment.image(part, pattern)}"
            command = ["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", reference]
            for image in self.steps.output(command).split():
                is_kept = image.rpartition(":")[2] in kept
                if not is_kept and self.steps.run(["docker", "image", "rm", image], check=False) != 0:
                    self.steps.say(f"still in use: {image}")

    # The way back from any step of a deploy.

    def go_back(self) -> None:
        """Keep only the release of `.env` running, and reset nginx's route."""
        release = env_file.get("RELEASE")
        # Usually there is none: only a killed deploy leaves one.
        self.steps.run(["docker", "rm", "--force", self.migration_container], check=False)
        serving, others = self.stack.web_of(release), self.stack.web_besides(release)
        if others:
            if serving:
                self.stack.route(*serving)
            self.stack.wait_until_settled()
            self.steps.run(["docker", "stop", *others])  # it finishes the requests that it has
            self.steps.run(["docker", "rm", *others])
        self._bring_back_others()
        try:
            start_what_is_down(self.stack.services_now(), self.steps, has_image=has_image)
        except CommandError:  # even if a service does not start, the rest is done; the service is named at the end
            self.steps.say("Not all of them run.")
        self.stack.route()

    def _bring_back_others(self) -> None:
        """Restore the services beside web that a deploy has replaced; remove those that the release of `.env` lacks."""
        own = self.stack.own(self.stack.services_now())
        replaced = [name for name, image in own.items() if name != "web" and self.stack.besides(name, image)]
        if removed := [name for name in replaced if not has_image(own[name])]:
            self.stack.now("rm", "--stop", "--force", *removed)
        self.stack.replace_now([name for name in replaced if name not in removed])

    def undo(self, *, last_step: bool) -> None:
        """Go back, whatever the state of the deploy.

        Docker continues to stop a container when the command that requested it is interrupted, and shows it as running
        meanwhile. So the services that the last step was replacing are removed before their state is read.
        """
        if last_step:
            own = self.stack.own(self.stack.services_now())
            if others := [name for name in own if name not in ("web", "nginx")]:
                self.stack.now("rm", "--stop", "--force", *others)
        self.go_back()
        if env_file.get("RELEASE") == self.deployment.new:
            self.passwords.accept_only_current()
