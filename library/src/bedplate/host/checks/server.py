"""A server, DEV or PROD: its domain, its secrets, its backups."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Final

from bedplate.host import password_lists, secrets_folder
from bedplate.host.checks.backup_folder import check_backup_folder
from bedplate.host.checks.folder import secret_variables
from bedplate.host.configuration import env_file
from bedplate.host.configuration.env_file import PLACEHOLDER
from bedplate.host.configuration.secret_list import FOLDER, Secret
from bedplate.host.errors import AbortError
from bedplate.host.install.request import Request

DOMAIN: Final = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])")
MAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
SHORTEST_DEV_PASSWORD: Final = 12
DEV_PASSWORD: Final = "dev_password"  # noqa: S105 - the name of the secret
PLAIN: Final = "{PLAIN}"


def check_server(request: Request, secrets: Mapping[str, Secret]) -> None:
    """Raise AbortError if the server cannot be set up with these values and secrets."""
    check_domain(request.pending_value("DOMAIN"))
    check_admin_email(request.pending_value("ADMIN_EMAIL"))
    check_env_file_has_no_secret()
    check_secrets(secrets)
    check_backup_folder(request.pending_value("BACKUP_URL"), request.environment)


def check_domain(domain: str) -> None:
    """Raise AbortError if it is not a valid domain name."""
    if not DOMAIN.fullmatch(domain):
        raise AbortError(
            f"DOMAIN is '{domain}': not the name of a site on the Internet.",
            "Lower-case letters, digits, hyphens, and a dot: www.example.com. No IP address, no port, no https://",
        )


def check_admin_email(address: str) -> None:
    """Raise AbortError if it is not a valid e-mail address."""
    if not MAIL.fullmatch(address):
        raise AbortError(
            f"ADMIN_EMAIL is '{address}': not an e-mail address.",
            "It is for the first user, and for mail about errors: you@example.com",
        )


def check_env_file_has_no_secret() -> None:
    """Raise AbortError if `.env` has a secret: a variable overrides the file, and is visible in docker inspect."""
    for name in secret_variables():
        if env_file.get(name):
            raise AbortError(
                f"{name} is in .env; on a server it is a file.",
                f"Move it: put the value into secrets/{name.lower()}, and remove the line.",
            )


def check_secrets(secrets: Mapping[str, Secret]) -> None:
    """Raise AbortError if a secret of this installation is missing or too weak."""
    problems = [problem for secret in secrets.values() for problem in problems_of(secret)]
    if DEV_PASSWORD in secrets and (FOLDER / DEV_PASSWORD).exists():
        problem = problem_of_dev_password((FOLDER / DEV_PASSWORD).read_text(errors="replace").rstrip("\n"))
        problems += [f"secrets/{DEV_PASSWORD}: {problem}"] if problem else []
    if problems:
        raise AbortError(
            "secrets/ is not complete:",
            *problems,
            "Restore the earlier ones, or if there is none, make one: (umask 077; openssl rand -hex 32 >secrets/NAME)",
            "The database stores its password at its first start: it rejects a new postgres_password.",
        )


def problems_of(secret: Secret) -> Iterator[str]:
    """Yield the problems of a secret."""
    file, installed = FOLDER / secret.name, env_file.FILE.exists()
    if not file.exists():
        was_there = installed and not secret.is_derived and secrets_folder.had(secret.name)
        if was_there and secret.length:
            yield f"secrets/{secret.name} is missing{f': {secret.form}' if secret.form else ''}"
        elif was_there:
            yield f"secrets/{secret.name} is missing; if it was empty: (umask 077; : >secrets/{secret.name})"
    elif secret.length:
        if not os.access(file, os.R_OK):
            raise AbortError(f"you may not read secrets/{secret.name}.", "Run this as its owner.")
        if secret.form:
            check_address_in_env_file(secret)
        value = "".join(
            file.read_text(errors="replace").partition("\n")[0].split()
        )  # of several lines, the first one is used
        if problem := problem_of_value(value, secret):
            yield f"secrets/{secret.name}{problem}"


def problem_of_value(value: str, secret: Secret) -> str:
    """Return the problem of a secret's value, or an empty text."""
    if PLACEHOLDER in value:
        return f" holds the placeholder {PLACEHOLDER}"
    if secret.form and value:
        problem = password_lists.problem_of(value, secret)
        return f": {problem}" if problem else ""
    if len(value) < secret.length:
        return f" is too short to be a secret: {len(value)} characters, {secret.length} at least"
    return ""


def check_address_in_env_file(secret: Secret) -> None:
    """Raise AbortError if `.env` has the URL of this server: it overrides the secret, and has no password."""
    name = secret.name.upper()
    if (address := env_file.get(name)) and password_lists.is_ours(address, secret.form):
        raise AbortError(
            f"{name} in .env is the address of this server, whose password is in secrets/{secret.name}.",
            "Remove the line.",
        )


def problem_of_dev_password(line: str) -> str:
    """Return the problem of the line for DEV's basic auth, or an empty text.

    nginx reads `user:password`, and ignores the text after another colon.
    """
    line = line.removesuffix("\r")
    password = line.removeprefix("dev:")
    if "\n" in line:
        return "it has several lines, instead of one."
    if not line.startswith(("dev:{", "dev:$")):
        return f"it must be dev:{PLAIN} and then the password."
    if ":" in password:
        return "it has a colon; nginx would use only the text before it as the password."
    plain = password.removeprefix(PLAIN)
    if password.startswith(PLAIN) and len(plain) < SHORTEST_DEV_PASSWORD:
        return f"the password is too short: {len(plain)} characters, {SHORTEST_DEV_PASSWORD} at least."
    return ""
