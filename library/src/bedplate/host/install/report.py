"""The plan of an install, and the summary at its end."""

import re
import shutil
import stat
from collections.abc import Iterator

from bedplate.host import ROOT
from bedplate.host.commands import docker
from bedplate.host.configuration import env_file, services
from bedplate.host.configuration.proxy_settings import proxy_settings
from bedplate.host.configuration.secret_list import FOLDER
from bedplate.host.install import certificate
from bedplate.host.install.request import Request
from bedplate.host.install.stack import Stack
from bedplate.host.programs import attempt, output
from bedplate.host.steps import Steps


def plan(request: Request) -> str:
    """Return the plan of an install of LOCAL."""
    state = "is written, with new secrets"
    if env_file.FILE.exists():
        state = "stays as it is"
        if env_file.get("HTTP_PORT") != request.port:
            state += f", except HTTP_PORT={request.port}"
        joined = proxy_settings().get("PROXY_PASS", "")
        if env_file.get("PROXY_PASS") != joined:
            state += f"; PROXY_PASS={joined}"
        if env_file.FILE.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            state += "; other users could read it, so its mode becomes 0600"
    return f"""
  Folder    {ROOT}
  Project   {request.project} (names its containers, volumes and images)
  Address   http://localhost:{request.port}
  .env      {state}

"""


def server_plan(request: Request) -> str:
    """Return the plan of an install of a server."""
    domain = request.pending_value("DOMAIN")
    state = "stay as they are" if env_file.FILE.exists() else "are created"
    ports = f"{request.port} and {request.pending_value('HTTPS_PORT')} on {env_file.configured('BIND_ADDRESS')}"
    text = f"""
  Environment  {request.environment.label}
  Folder       {ROOT}
  Project      {request.project} (names its containers, volumes and images)
  Address      {site_address(request, domain)}
  Ports        {ports}
  Mail to      {request.pending_value("ADMIN_EMAIL")}
  .env and secrets/  {state}; only you can read them

"""
    if not resolves(domain):
        text += (
            f"  Note: {domain} does not resolve yet. Let its DNS record point to this machine; "
            "until then the site is not found.\n\n"
        )
    return text


def resolves(domain: str) -> bool:
    """Return whether the name resolves; true if the machine has no getent."""
    return not shutil.which("getent") or attempt(["getent", "hosts", domain]).returncode == 0


def site_address(request: Request, domain: str) -> str:
    """Return the address, without the default port."""
    port = request.pending_value("HTTPS_PORT")
    return f"https://{domain}{'' if port == '443' else f':{port}'}"


def summary(stack: Stack, user_report: str) -> str:
    """Return the addresses, the user and the next commands of LOCAL."""
    request = stack.request
    # Not 127.0.0.1: passkeys do not work at an IP address.
    site, name = f"http://localhost:{request.port}", f"http://{request.project}.localhost:{request.port}"
    if env_file.get("PROXY_PASS"):
        name = name_by_proxy(request.project)
    password = env_file.get("DEFAULT_USER_PASSWORD")
    if "exists" in user_report:
        password = f"as before: this user exists already and was not changed (.env says {password})"
    pages = "".join(f"\n  {name.capitalize():<8}  {site}{page}" for name, page in services.pages(stack.services))
    backups = "\n  ./google_storage.sh --help                           backups, and production's data on this machine"
    return f"""
{env_file.configured("PROJECT_NAME")} runs:

  Site      {site}  (or {name})
  User      {env_file.configured("DEFAULT_USER_EMAIL")}
  Password  {password}

  Tasks     {site}/tasks/
  Mail      {site}/mail/  (all mail the site sends is caught here)
  Admin     {site}/admin/{pages}

Try next:

  docker compose logs --follow                         the output of the services
  docker compose exec web python manage.py shell       any manage.py command
  docker compose stop                                  stop; the data stay
  docker compose up -d                                 start again{backups if has_backups() else ""}
  ./run_tests.sh                                       every test
"""


def has_backups() -> bool:
    """Return whether the project has backups; otherwise their command is not offered."""
    return (ROOT / "google_storage.sh").exists()


def name_by_proxy(project: str) -> str:
    """Return the project's address at this machine's proxy."""
    network, service = env_file.get("PROXY_NETWORK"), "label=com.docker.compose.service=proxy"
    command = docker.containers(f"network={network}", service, columns="{{.Ports}}")
    match = re.search(r"\b127\.0\.0\.1:(\d+)->8080", output(command))
    if not match:
        return f"http://{project}.localhost, once this machine's proxy runs: ./bedplate proxy start"
    port = "" if match[1] == "80" else f":{match[1]}"
    return f"http://{project}.localhost{port}, by this machine's proxy"


def server_summary(stack: Stack, user_report: str) -> str:
    """Return the address, the user, the certificate, the open tasks and the next commands of a server."""
    request = stack.request
    site = site_address(request, env_file.get("DOMAIN"))
    password = "see secrets/default_user_password; change it on the site"  # noqa: S105 - a sentence
    if "exists" in user_report:
        password = "as before: this user exists already and was not changed"  # noqa: S105 - a sentence
    return f"""
{env_file.configured("PROJECT_NAME")} ({request.environment.label}) runs:

  Site      {site}
  User      {env_file.get("DEFAULT_USER_EMAIL")}
  Password  {password}{basic_auth(site) if request.environment.name == "dev" else ""}

{certificate.summary(request.environment, stack.steps)}

Still to do:

{chr(10).join(missing(request))}

Try next:

  docker compose logs --follow                 the output of the services
  docker compose exec nginx maintenance on     the maintenance page for all visitors; off: the site again
  ./bedplate deploy --restart                  after a change in .env or secrets/
"""


def basic_auth(site: str) -> str:
    """Return the lines about DEV's HTTP basic auth and mail catcher."""
    file, plain = FOLDER / "dev_password", "dev:{PLAIN}"
    line = file.read_text(errors="replace").strip() if file.exists() else ""
    password = line.removeprefix(plain) if line.startswith(plain) else "as you have set it"
    return (
        f"\n  HTTP auth user dev, password {password} (secrets/dev_password)\n"
        f"  Mail      all mail that the site sends is caught: {site}/mail/"
    )


def missing(request: Request) -> Iterator[str]:
    """Yield the open tasks: a server starts without them, but needs them."""
    url = env_file.get("BACKUP_URL")
    if has_backups() and not url:
        yield "  Backups: set BACKUP_URL in .env (library/docs/how-to/backups.md)"
    elif has_backups() and url.startswith("file:"):
        advice = "keep copies elsewhere, or use a bucket (library/docs/how-to/backups.md)"
        yield f"  Backups: they are on this machine; {advice}"
    if request.environment.name != "dev" and not env_file.get("EMAIL_HOST"):
        yield "  Mail: set EMAIL_HOST, EMAIL_PORT, EMAIL_USER in .env, and secrets/email_password"
    yield "  Keep a copy of .env and secrets/ away from this machine."


def notes(steps: Steps) -> str:
    """Return the notes about the database: its role's rights, and indexes that are sorted in another way."""
    lines, found = [], False
    for line in steps.log_since(0).splitlines():
        if line.startswith("Note: PostgreSQL"):
            lines.append(f"\n{line}\n")
        elif "(operations.W001) " in line:
            lines.append(f"\nNote: {line.partition('(operations.W001) ')[2]}\n")
            found = True
    if found:
        lines.append("Until its indexes are rebuilt, rows may not be found: library/docs/how-to/rebuild-indexes.md\n")
    return "".join(lines)
