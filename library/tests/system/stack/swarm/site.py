"""A project on the machines: its registry's images, PostgreSQL and Valkey beside them, a balancer in front."""

import secrets
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.testing.checkout import copy_checkout, free_port, unique_slug
from bedplate.testing.compose import attempt, run, wait_until
from bedplate.testing.fake_gcs import fake_gcs
from bedplate.testing.visitor import Visitor

from stack.swarm.nodes import REGISTRY, Machines, container, machines

DOMAIN: Final = "www.example.com"
EMAIL: Final = "you@example.com"
FOLDER: Final = "/srv/site"
PARTS: Final = ("web", "cron", "nginx", "verifier")
VARIABLES: Final = {
    "REGISTRY": f"{REGISTRY}/",
    "POSTGRES_HOST": "db.example.com",
    "ACME_SERVER": "off",
    "WEB_WORKERS": "1",
    "PROXY_PROTOCOL": "true",
    "SHARED_DATA": "/shared/data",
    "CELERY_REPLICAS": "3",
}
MAKE_USER: Final = """
import sys
from django.contrib.auth import get_user_model
from allauth.account.models import EmailAddress
user = get_user_model().objects.create_user(sys.argv[1], sys.argv[2])
EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
"""
# The balancer of a provider: it passes connections on, says who connects, and watches each machine's nginx.
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
    option httpchk
    http-check send meth GET uri /health/live hdr Host {domain}
    http-check expect rstatus [23]..
    default-server check inter 500ms fall 2 rise 1 send-proxy check-send-proxy port 80 on-marked-down shutdown-sessions
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
    database: str
    """PostgreSQL's container."""
    variables: Mapping[str, str]
    """What is added to `.env`."""

    def bedplate(self, *arguments: str, limit: float = 400) -> "subprocess.CompletedProcess[str]":
        """Run a command of the project on the first machine."""
        return attempt("docker", "exec", f"--workdir={FOLDER}", self.machines.first.container, *arguments, limit=limit)

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
        """Return the database's answer."""
        options = ("--no-psqlrc", "--tuples-only", "--no-align", "--username=postgres", f"--command={statement}", "app")
        return run("docker", "exec", self.database, "psql", *options).strip()

    def visitor(self) -> Visitor:
        """Return a new client, through the balancer. Each nginx has a certificate of its own, which it accepts."""
        visitor = Visitor(("127.0.0.1", self.port), host=DOMAIN, certificate=certificate())
        visitor.context.check_hostname, visitor.context.verify_mode = False, ssl.CERT_NONE
        return visitor

    def make_user(self, email: str, *, password: str) -> None:
        """Create a user with a verified address."""
        self.machines.execute(
            self.service("web"), "python", "manage.py", "shell", "--no-imports", "--command",
            f"import sys; sys.argv[1:] = [{email!r}, {password!r}]\n{MAKE_USER}",
        )  # fmt: skip


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
        configuration.write_text(BALANCER.format(domain=DOMAIN, servers=servers))
        options = (f"--publish=127.0.0.1:{port}:443", f"--volume={configuration}:/haproxy.cfg:ro")
        cleanup.enter_context(
            container(f"{project}-balancer", network, *options, command=("haproxy", "-f", "/haproxy.cfg"))
        )
        bucket = cleanup.enter_context(fake_gcs(host=found.gateway))
        backups = {"BACKUP_URL": bucket.make_bucket(), "STORAGE_EMULATOR_HOST": bucket.url}
        new = Site(
            variables=VARIABLES | backups,
            machines=found,
            project=project,
            port=port,
            directory=directory,
            database=f"{project}-database",
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


@contextmanager
def beside(project: str, network: str, password: str) -> Iterator[None]:
    """Run PostgreSQL, and Valkey twice: for the queue, and for the cache."""
    database = ("--network-alias=db.example.com", "--tmpfs=/var/lib/postgresql:uid=999,gid=999", "--user=999:999")
    variables = ("--env=POSTGRES_USER=postgres", f"--env=POSTGRES_PASSWORD={secrets.token_hex(16)}")
    options = ("--tmpfs=/data:uid=999,gid=999", "--user=999:999")
    with (
        container(f"{project}-database", network, *database, *variables, image="postgres:18-trixie"),
        container(
            f"{project}-queue", network, *options, "--network-alias=queue.example.com", image="valkey/valkey:9",
            command=("valkey-server", "--requirepass", password, "--appendonly", "yes", "--save", ""),
        ),
        container(
            f"{project}-cache", network, *options, "--network-alias=cache.example.com", image="valkey/valkey:9",
            command=("valkey-server", "--requirepass", password, "--save", ""),
        ),
    ):  # fmt: skip
        psql = ("docker", "exec", f"{project}-database", "psql", "--host=127.0.0.1", "--username=postgres")
        create = f"CREATE ROLE app LOGIN CREATEDB PASSWORD '{password}'"
        ready = ("docker", "exec", f"{project}-database", "pg_isready", "--host=127.0.0.1", "--quiet")
        wait_until(lambda: attempt(*ready).returncode == 0, limit=60, what="the database answers")
        run(*psql[:4], "--username=postgres", f"--command={create}", "--command=CREATE DATABASE app OWNER app")
        yield


def copy_to_first(new: Site) -> None:
    """Copy the checkout to the first machine."""
    first = new.machines.first
    first.run("mkdir", "--parents", FOLDER, "/shared/data")
    first.run("chown", "1000:1000", "/shared/data")
    run("docker", "cp", "--quiet", f"{new.directory}/.", f"{first.container}:{FOLDER}")
    first.run("chown", "--recursive", "root:root", FOLDER)


def write_secrets(new: Site, password: str) -> None:
    """Write the secrets that belong to servers elsewhere."""
    values = {
        "postgres_password": password,
        "valkey_url": f"redis://:{password}@queue.example.com:6379",
        "cache_url": f"redis://:{password}@cache.example.com:6379",
    }
    lines = "".join(f"printf '%s\\n' '{value}' >secrets/{name}\n" for name, value in values.items())
    new.machines.first.run("bash", "-ec", f"umask 077; mkdir secrets\n{lines}", folder=FOLDER)
