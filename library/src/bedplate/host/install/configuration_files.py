"""The text of a new `.env`."""

import re
from collections.abc import Mapping

from bedplate.host.configuration import env_file
from bedplate.host.configuration.env_file import PLACEHOLDER
from bedplate.host.install.request import Request
from bedplate.host.secrets_folder import random_text

PASSWORD_BYTES = 15  # a person may have to type it
KEY_BYTES = 48
SECRET_LINE = re.compile(rf"^([A-Z_]+)={PLACEHOLDER}$", re.MULTILINE)


def local_text(project: str, values: Mapping[str, str], owner: tuple[int, int]) -> str:
    """Return the `.env` of LOCAL: `.env.example` with these values, and new secrets."""
    known = {"COMPOSE_PROJECT_NAME": project, "DOMAIN": f"{project}.local", **values, **ids(owner)}
    return SECRET_LINE.sub(_with_secret, env_file.with_values(env_file.text_of(env_file.EXAMPLE), known))


def _with_secret(match: re.Match[str]) -> str:
    size = PASSWORD_BYTES if match[1].endswith("_PASSWORD") else KEY_BYTES
    return f"{match[1]}={random_text(size)}"


def ids(owner: tuple[int, int]) -> dict[str, str]:
    """Return the variables of the user and the group that containers run as."""
    return {"HOST_UID": str(owner[0]), "HOST_GID": str(owner[1])}


def server_text(request: Request, owner: tuple[int, int]) -> str:
    """Return the `.env` of a server: without the values of secrets, and with the Compose files."""
    domain, mail = request.pending_value("DOMAIN"), request.pending_value("ADMIN_EMAIL")
    values = {
        "COMPOSE_PROJECT_NAME": request.project,
        "HTTP_PORT": request.port,
        **ids(owner),
        "DOMAIN": domain,
        "ADMIN_EMAIL": mail,
        "DEFAULT_USER_EMAIL": mail,
        "DEFAULT_FROM_EMAIL": f"noreply@{domain}",
        "HTTPS_PORT": request.pending_value("HTTPS_PORT"),
        **{name: env_file.configured(name) for name in ("BIND_ADDRESS", "BACKUP_URL", "ACME_SERVER")},
    }
    environment = request.environment
    text = env_file.with_values(env_file.text_of(env_file.EXAMPLE), values)
    text = SECRET_LINE.sub(f"# {environment.file}: the file in secrets/ of the same name", text)
    comment = "# The environment of this folder, so that docker compose needs no --file here."
    return f"{text}\n{comment}\nCOMPOSE_FILE={environment.first_files}\n"
