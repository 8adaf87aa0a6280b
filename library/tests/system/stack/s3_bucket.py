"""A server whose uploads are in a bucket of S3, SeaweedFS on this machine, and its backups in a folder."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bedplate.testing.compose import run
from bedplate.testing.server import Server
from s3_service import REGION, S3Service, credentials, s3_service

from stack.bucket import move, restart, set_variables

# What "boto3" in web/pyproject.toml adds to the images. They are not built again for this.
CLIENT: Final = ("boto3", "botocore", "jmespath", "s3transfer")
STORE: Final = "file:///data/backups"
SITE_PACKAGES: Final = "import site; print(site.getsitepackages()[0])"


@contextmanager
def uploads_in_s3(server: Server, folder: Path) -> Iterator[S3Service]:
    """Move the server's uploads into the bucket, as the how-to page says; bring them back at the end."""
    shown = run("docker", "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", server.network)
    before, backups = server.secret("media_credentials"), server.dotenv.get("BACKUP_URL", "")
    with s3_service(folder / "data", host=shown.strip()) as service:
        key = folder / "credentials"
        key.write_text(credentials())
        try:
            add_client(server)
            set_variables(server, S3_ENDPOINT=service.url, S3_REGION=REGION, BACKUP_URL=STORE)
            command = (server.directory / "bedplate", "rotate-secret", "media_credentials", "--from", key, "--yes")
            run(*command, directory=server.directory, limit=400)
            move(server, "s3://uploads/site")
            yield service
            move(server, "")
        finally:
            (server.directory / "secrets/media_credentials").write_text(before)
            set_variables(server, MEDIA_URL="", S3_ENDPOINT="", BACKUP_URL=backups, COMPOSE_FILE="prod.yml")
            (server.directory / "s3.yml").unlink(missing_ok=True)
            restart(server)


def add_client(server: Server) -> None:
    """Let a Compose file put the client's packages into the containers."""
    target = server.exec("web", "python", "-c", SITE_PACKAGES).strip()
    found = {name: find_spec(name) for name in CLIENT}
    sources = {name: Path(spec.origin).parent for name, spec in found.items() if spec and spec.origin}
    mounted = {"volumes": [f"{source}:{target}/{name}:ro" for name, source in sources.items()]}
    services = {"services": dict.fromkeys(("web", "celery", "cron", "flower"), mounted)}
    (server.directory / "s3.yml").write_text(json.dumps(services))  # JSON is YAML
    set_variables(server, COMPOSE_FILE="prod.yml:s3.yml")
