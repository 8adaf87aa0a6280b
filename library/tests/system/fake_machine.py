"""A machine with a copy of the checkout and a fake docker: for the install's messages in a bad state."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from bedplate.testing.checkout import ROOT, copy_as_shop

# All commands besides docker that install_docker.sh and the commands of a server may call.
TOOLS: Final = (
    "awk base64 bash cat chmod chown cmp cp date df dirname env find flock grep head id mkdir mv paste perl realpath "
    "rm sed sha256sum sleep tail timeout tr wc"
)
# Output of `docker compose config`, as far as the scripts read it: services, and images with the release of .env.
SERVICES: Final = ("web web", "nginx nginx", "celery web", "flower web", "cron cron")
SAID_OF_SERVICES: Final = {
    "web": "    depends_on:\\n      postgres:\\n        required: true\\n      valkey:\\n        required: true\\n",
    "flower": "    labels:\\n      bedplate.page: /flower/ (background tasks)\\n",
    "cron": "    secrets:\\n      - source: google_credentials\\n        target: /run/secrets/google_credentials\\n",
}
CONFIG: Final = (
    "services:\\n"
    + "".join(
        f"  {service}:\\n    image: shop-{part}:latest\\n" + SAID_OF_SERVICES.get(service, "")
        for service, part in map(str.split, SERVICES)
    )
    + "  postgres:\\n    environment:\\n      POSTGRES_DB: app\\n      POSTGRES_USER: app\\n"
    + "    image: postgres:18-trixie\\n    secrets:\\n      - source: postgres_server_password\\n"
    + "  valkey:\\n    image: valkey/valkey:9\\n"
    + "%SECRETS%"
)
# The same where managed.yml has removed the database: library/docs/how-to/managed-postgresql.md
CONFIG_OF_MANAGED: Final = CONFIG.replace("      postgres:\\n        required: true\\n", "").replace(
    CONFIG[CONFIG.index("  postgres:\\n    environment") : CONFIG.index("  valkey:\\n    image")], ""
)
READY: Final = {
    "compose config": CONFIG,
    "compose --env-file * config": CONFIG,
    "version *": "26.1.5",
    "compose version *": "2.26.1-4",
    "buildx version": "github.com/docker/buildx 0.13.1 0.13.1",
    "info *SecurityOptions*": "[name=seccomp,profile=builtin]",
    "info *DockerRootDir*": "/",
    "*create_default_user": "The user admin@shop.local is made, with the password in DEFAULT_USER_PASSWORD.",
}


class FakeMachine:
    """A folder to install in, with a separate PATH."""

    def __init__(self, directory: Path, *, port: int, checkout: str = "checkout") -> None:
        """Make a machine on which everything is ready, with `port` free."""
        self.port = port
        self.checkout = copy_as_shop(directory / checkout)
        self.commands = directory / "commands"
        self.commands.mkdir()
        for tool in TOOLS.split():
            (self.commands / tool).symlink_to(shutil.which(tool) or tool)
        (self.commands / "python3").symlink_to(Path(sys.executable).resolve())
        shutil.copy(ROOT / "library/tests/system/fake_docker/docker", self.commands)
        for arguments, output in READY.items():
            self.answer(arguments, output)
        self.answer("volume inspect *", "no such volume", status=1)
        self.answer("image inspect *", "no such image", status=1)
        self.answer("network inspect *", "no such network", status=1)

    def answer(self, arguments: str, output: str = "", *, status: int | str = 0) -> None:
        """Give this answer from now on when docker is called with these arguments (a shell pattern)."""
        with (self.commands / "rules").open("a") as rules:
            rules.write(f"{arguments}\t{status}\t{output}\n")

    def use_external_database(self) -> None:
        """Let `docker compose config` list no PostgreSQL from now on."""
        for arguments in ("compose config", "compose --env-file * config"):
            self.answer(arguments, CONFIG_OF_MANAGED)

    def command(self, name: str, script: str) -> None:
        """Add a command of this name to the machine."""
        (self.commands / name).unlink(missing_ok=True)
        (self.commands / name).write_text(f"#!/usr/bin/env bash\n{script}\n")
        (self.commands / name).chmod(0o755)

    def calls(self) -> list[str]:
        """Return the arguments of every docker call, in order."""
        return (self.commands / "calls").read_text().splitlines()

    def environment(self, **variables: str) -> dict[str, str]:
        """Return the environment that the install runs in."""
        return {"PATH": str(self.commands), "HOME": str(self.commands), "HTTP_PORT": str(self.port), **variables}

    def install(self, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the install to its end."""
        return subprocess.run(
            [self.checkout / "install_docker.sh", *options],
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )

    def write_dotenv(self, **values: str) -> Path:
        """Write a complete `.env`, with these values instead of the usual ones."""
        usual = {
            "COMPOSE_PROJECT_NAME": "shop",
            "HTTP_PORT": str(self.port),
            "HOST_UID": str(os.getuid()),
            "HOST_GID": str(os.getgid()),
            "SECRET_KEY": "a-secret-key-of-more-than-32-characters",
            "POSTGRES_PASSWORD": "the-database-password",
            "DEFAULT_USER_PASSWORD": "the-first-password",
        }
        lines = (self.checkout / ".env.example").read_text().splitlines()
        kept = [line for line in lines if line.partition("=")[0] not in usual | values]
        dotenv = self.checkout / ".env"
        dotenv.write_text("\n".join([*kept, *(f"{key}={value}" for key, value in (usual | values).items()), ""]))
        dotenv.chmod(0o600)
        return dotenv
