"""A project on the machines: its registry's images, PostgreSQL and Valkey beside them, a balancer in front."""

import json
import secrets
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.testing.checkout import ROOT, copy_checkout, free_port, unique_slug
from bedplate.testing.compose import attempt, run
from bedplate.testing.visitor import Visitor
from documents import blocks_of

from stack.bucket import Storage, storage
from stack.standby import is_standby, psql
from stack.swarm.nodes import REGISTRY, Machines, container, machines
from stack.swarm.outside import CACHE, HOSTS, QUEUE, beside, promote

DOMAIN: Final = "www.example.com"
HOW_TO: Final = ROOT / "library/docs/how-to/several-machines.md"
EMAIL: Final = "you@example.com"
FOLDER: Final = "/srv/site"
VOLUMES: Final = ("/shared/data/uploads", "/shared/data/backup_data")  # as the page says
PARTS: Final = ("web", "cron", "nginx", "verifier")
VARIABLES: Final = {
    "REGISTRY": f"{REGISTRY}/",
    "POSTGRES_HOST": ",".join(HOSTS),
    "ACME_SERVER": "off",
    "WEB_WORKERS": "1",
    "PROXY_PROTOCOL": "true",
    "SHARED_DATA": "/shared/data",
    "CELERY_REPLICAS": "3",
    "DRAIN_SECONDS": "3",
}
MAKE_USER: Final = """
import sys
from django.contrib.auth import get_user_model
from allauth.account.models import EmailAddress
user = get_user_model().objects.create_user(sys.argv[1], sys.argv[2])
EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
"""
# The balancer of a provider: it passes connections on, says who connects, and watches each machine.
BALANCER: Final = """
global
    maxconn 200
defaults
    mode tcp
    timeout connect 2s
    timeout client 60s
    timeout server 60s
frontend https
    bind :443
    default_backend machines
backend machines
{check}
    retries 3
    option redispatch 1
{servers}
"""


@dataclass(frozen=True, kw_only=True)
class Site:
    """The project, deployed from the first machine."""

    machines: Machines
    project: str
    port: int
    """Of the balancer, on 127.0.0.1."""
    directory: Path
    """The checkout on this machine, where the images are built."""
    variables: Mapping[str, str]
    """What is added to `.env`."""
    storage: Storage
    """The buckets."""

    def bedplate(self, *arguments: str, limit: float = 400) -> "subprocess.CompletedProcess[str]":
        """Run a command of the project on the first machine."""
        return attempt("docker", "exec", f"--workdir={FOLDER}", self.machines.first.container, *arguments, limit=limit)

    def follow(self, *command: str) -> str:
        """Return the output of a command of the project, which must succeed."""
        done = self.bedplate(*command, limit=600)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{self.log}"
        return done.stdout

    def deploy(self, *arguments: str) -> str:
        """Deploy, and return what it prints; it must succeed."""
        result = self.bedplate("./bedplate", "deploy", *arguments, "--yes")
        assert result.returncode == 0, f"{result.stdout}\n{result.stderr}\n{self.log}"
        return result.stdout

    @property
    def log(self) -> str:
        """The log of the last deploy."""
        return self.bedplate("cat", "deploy.log").stdout

    def variable(self, name: str) -> str:
        """Return a variable of `.env`."""
        return self.bedplate("sed", "-n", f"s/^{name}=//p", ".env").stdout.strip()

    def service(self, name: str) -> str:
        """Return a service's name in the swarm."""
        return f"{self.project}_{name}"

    def push(self, tag: str, changes: Mapping[str, str] | None = None) -> str:
        """Push a release: the images of this checkout, some with other lines in their Dockerfiles. Return its tag."""
        for part in PARTS:
            image = f"127.0.0.1:{self.machines.registry_port}/{self.project}-{part}:{tag}"
            built = f"{self.project}-{part}:built"
            if line := (changes or {}).get(part):
                text = f"FROM {built}\nUSER 0\n{line}\nUSER 1000:1000\n"
                build = ["docker", "build", "--quiet", "--tag", image, "-"]
                subprocess.run(build, input=text.encode(), check=True, capture_output=True)
            else:
                run("docker", "tag", built, image)
            run("docker", "push", "--quiet", image, limit=300)
            run("docker", "rmi", image)
        return tag

    def sql(self, statement: str) -> str:
        """Return the answer of the database that takes writes."""
        name = next(name for name in (f"{self.project}-a", f"{self.project}-b") if runs(name) and not is_standby(name))
        return psql(name, statement)

    def start(self, service: str, *command: str) -> None:
        """Start a command in one of the service's containers; do not wait for it."""
        machine, (container, *_) = next(item for item in self.machines.containers(service).items() if item[1])
        machine.docker("exec", "--detach", container, *command)

    def lose_primary(self) -> None:
        """Let the replica of the database take over."""
        promote(self.project)

    def is_served_by_all(self) -> bool:
        """Return whether each machine's nginx reaches the application, as the balancer asks it."""
        return all(serves(machine.address) for machine in self.machines.all)

    def visitor(self) -> Visitor:
        """Return a new client, through the balancer. Each nginx has a certificate of its own, which it accepts."""
        visitor = Visitor(("127.0.0.1", self.port), host=DOMAIN, certificate=certificate())
        visitor.context.check_hostname, visitor.context.verify_mode = False, ssl.CERT_NONE
        return visitor

    def write_secret(self, name: str, text: str) -> None:
        """Write a file of secrets/."""
        write = f"umask 077; printf '%s\\n' '{text.rstrip()}' >secrets/{name}"
        self.machines.first.run("bash", "-ec", write, folder=FOLDER)

    def set_variables(self, **values: str) -> None:
        """Set variables in `.env`."""
        edits = "; ".join(f"sed -i '/^{name}=/d' .env; echo '{name}={value}' >>.env" for name, value in values.items())
        self.machines.first.run("bash", "-ec", edits, folder=FOLDER)

    def manage(self, *arguments: str) -> str:
        """Return the output of a command of Django."""
        return self.machines.execute(self.service("web"), "python", "manage.py", *arguments)

    def make_user(self, email: str, *, password: str) -> None:
        """Create a user with a verified address."""
        self.machines.execute(
            self.service("web"), "python", "manage.py", "shell", "--no-imports", "--command",
            f"import sys; sys.argv[1:] = [{email!r}, {password!r}]\n{MAKE_USER}",
        )  # fmt: skip


def runs(container: str) -> bool:
    """Return whether the container runs."""
    return attempt("docker", "inspect", "--format", "{{.State.Running}}", container).stdout.strip() == "true"


def serves(address: str) -> bool:
    """Return whether this machine's nginx passes the balancer's check."""
    try:
        with socket.create_connection((address, 80), timeout=3) as connection:
            connection.sendall(b"PROXY UNKNOWN\r\nGET /health/live HTTP/1.0\r\n\r\n")
            return b" 200 " in connection.recv(100)
    except OSError:
        return False


def certificate() -> str:
    """Return any certificate: a client needs one."""
    return Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt").read_text()


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Run the machines, with the project's images in their registry and its checkout on the first; not deployed yet."""
    project = unique_slug()
    directory = copy_checkout(folder / "site")
    build(directory, project)
    with ExitStack() as cleanup:
        cleanup.callback(attempt, "docker", "rmi", *(f"{project}-{part}:built" for part in PARTS))
        found = cleanup.enter_context(machines(project, folder))
        network, port = found.network, free_port()
        password = secrets.token_hex(16)
        cleanup.enter_context(beside(project, network, password))
        configuration = folder / "haproxy.cfg"
        servers = "".join(f"    server {each.name} {each.address}:443\n" for each in found.all)
        (check,) = blocks_of(HOW_TO, "haproxy", section="The balancer")
        configuration.write_text(BALANCER.format(check=check, servers=servers))
        options = (f"--publish=127.0.0.1:{port}:443", f"--volume={configuration}:/haproxy.cfg:ro")
        cleanup.enter_context(
            container(f"{project}-balancer", network, *options, command=("haproxy", "-f", "/haproxy.cfg"))
        )
        bucket = cleanup.enter_context(storage(found.gateway))
        backups = {"BACKUP_URL": bucket.store.make_bucket(), "STORAGE_EMULATOR_HOST": bucket.url}
        new = Site(
            variables=VARIABLES | backups,
            machines=found,
            project=project,
            port=port,
            directory=directory,
            storage=bucket,
        )
        copy_to_first(new)
        write_secrets(new, password)
        new.push("first")
        yield new


def build(directory: Path, project: str) -> None:
    """Build PROD's images; their layers are those of other tests."""
    variables = {"COMPOSE_PROJECT_NAME": project, "RELEASE": "built", "DOTENV": ".env.example", "REGISTRY": ""}
    command = ("docker", "compose", "--env-file=.env.example", "--file=prod.yml", "build", "--quiet")
    run(*command, directory=directory, limit=600, variables=variables)


def copy_to_first(new: Site) -> None:
    """Copy the checkout to the first machine."""
    first = new.machines.first
    first.run("mkdir", "--parents", FOLDER, *VOLUMES)
    first.run("chown", "1000:1000", *VOLUMES)
    run("docker", "cp", "--quiet", f"{new.directory}/.", f"{first.container}:{FOLDER}")
    first.run("chown", "--recursive", "root:root", FOLDER)


def write_secrets(new: Site, password: str) -> None:
    """Write the secrets that belong to servers elsewhere."""
    new.machines.first.run("mkdir", "--mode=700", "secrets", folder=FOLDER)
    new.write_secret("google_credentials", json.dumps(new.storage.issuer.new_key()))
    new.write_secret("postgres_password", password)
    new.write_secret("valkey_url", f"redis://:{password}@{QUEUE}:6379")
    new.write_secret("cache_url", f"redis://:{password}@{CACHE}:6379")
