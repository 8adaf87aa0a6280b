"""The rotation of a secret on several machines: each step deploys the release again, with the secrets of now."""

from bedplate.host.rotation.sequence import CHANGE_PASSWORD, Rotation
from bedplate.host.steps import CommandError
from bedplate.host.swarm import one_off


class SwarmRotation(Rotation):
    """The rotation, with commands of the swarm in the place of Docker Compose's."""

    @property
    def has_list(self) -> bool:
        """False: Valkey is elsewhere."""
        return False

    def replace_readers(self) -> None:
        """Deploy again; Swarm replaces the services that read the secret."""
        self.restart()

    def _recreate_readers(self) -> None:
        self.restart()

    def _use_in_postgres(self) -> None:
        self.files.use_first()
        self._run_in_web(["python", "-c", CHANGE_PASSWORD.read_text()])

    def _forget_postgres_password(self) -> None:
        self.files.keep_lines(1)

    def _reset_default_user(self) -> None:
        self.restart()  # the command reads the new password
        self._run_in_web(["python", "manage.py", "create_default_user", "--reset-password"])

    def _run_in_web(self, command: list[str]) -> None:
        with self.steps.log.open("ab") as log:
            status = one_off.run("web", command, name="rotation", output=log)
        if status != 0:
            raise CommandError(f"{' '.join(command[:3])} failed with exit status {status}.")

    def bring_back_what_runs(self) -> None:
        """Deploy again, with the secrets of now."""
        self.restart()
