"""Valkey servers without the stack: over TLS, with ACL users, behind Sentinel. All run in one container."""

import ipaddress
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Final
from urllib.parse import quote

from bedplate.testing.checkout import free_port, unique_slug
from bedplate.testing.compose import run, wait_until
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from redis import Redis, Sentinel
from redis.exceptions import RedisError
from redis.sentinel import MasterNotFoundError

IMAGE: Final = "valkey/valkey:9"
LISTS: Final = ("celery", "celery\x06\x166")
"""Of waiting tasks: those that come first, and those with CELERY_TASK_DEFAULT_PRIORITY."""
USER: Final = "app"
PASSWORD: Final = "p@ss/w:rd"
ACCESS: Final = ("--protected-mode", "no", "--user", USER, "on", f">{PASSWORD}", "~*", "&*", "+@all")
NO_DEFAULT_USER: Final = ("--user", "default", "off")
DURABLE: Final = ("--appendonly", "yes", "--appendfsync", "always", "--save", "", "--repl-diskless-sync-delay", "0")
TLS: Final = ("--tls-cert-file", "/tls/cert.pem", "--tls-key-file", "/tls/key.pem", "--tls-auth-clients", "no")
MASTER_NAME: Final = "mymaster"
SENTINEL: Final = f"""\
port {{port}}
protected-mode no
daemonize yes
sentinel monitor {MASTER_NAME} 127.0.0.1 {{primary}} 1
sentinel auth-user {MASTER_NAME} {USER}
sentinel auth-pass {MASTER_NAME} {PASSWORD}
sentinel down-after-milliseconds {MASTER_NAME} 500
sentinel failover-timeout {MASTER_NAME} 5000
"""


@dataclass(frozen=True, kw_only=True)
class ValkeyContainer:
    """A container of Valkey's image with servers, on ports that are the same inside and on 127.0.0.1."""

    name: str
    ports: Iterator[int]
    certificate: Path

    def run(self, command: str) -> str:
        """Return the output of a shell command in the container."""
        return run("docker", "exec", self.name, "sh", "-c", command)

    def server(self, *options: str, tls: bool = False) -> "ValkeyServer":
        """Return a server that has started."""
        server = ValkeyServer(container=self, port=next(self.ports), options=options, tls=tls)
        server.start()
        return server


@dataclass(frozen=True, kw_only=True)
class ValkeyServer:
    """A server with one user and its password, which keeps its data when it is killed."""

    container: ValkeyContainer
    port: int
    options: tuple[str, ...]
    tls: bool

    @property
    def url(self) -> str:
        """The address of its database 0, with user, password and certificate authority."""
        query = f"?ssl_ca_certs={self.container.certificate}" if self.tls else ""
        return f"redis{'s' * self.tls}://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/0{query}"

    @cached_property
    def client(self) -> Redis:
        """A client of that database."""
        return Redis.from_url(self.url)

    def start(self) -> None:
        """Start it with its stored data; return when it answers."""
        folder = f"/data/{self.port}"
        port = ("--port", "0", "--tls-port", str(self.port), *TLS) if self.tls else ("--port", str(self.port))
        command = ("valkey-server", *port, *ACCESS, *NO_DEFAULT_USER, *DURABLE, *self.options)
        daemon = ("--daemonize", "yes", "--dir", folder, "--pidfile", f"{folder}/pid")
        self.container.run(f"mkdir -p {folder} && {shlex.join((*command, *daemon))}")
        wait_until(self.answers, limit=10, what=f"{self.url} answers")

    def kill(self) -> None:
        """Kill it."""
        self.container.run(f"kill -9 $(cat /data/{self.port}/pid)")

    def cut_connections(self) -> None:
        """Close the connections of all clients; it continues, and accepts new ones."""
        for kind in ("normal", "pubsub"):
            self.client.client_kill_filter(_type=kind)

    def answers(self) -> bool:
        """Return whether it answers."""
        try:
            return bool(self.client.ping())
        except RedisError:
            return False


@dataclass(frozen=True, kw_only=True)
class Failover:
    """A primary, its replica, and the Sentinel that promotes the replica once the primary is silent."""

    port: int
    primary: ValkeyServer
    replica: ValkeyServer

    @property
    def url(self) -> str:
        """The address of the Sentinel, with user and password of the servers."""
        return f"sentinel://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/0?master_name={MASTER_NAME}"

    def kill_primary(self) -> None:
        """Kill the primary, once the replica has all that it stores."""
        assert self.primary.client.wait(1, 5000) == 1
        self.primary.kill()

    def wait_until_done(self) -> None:
        """Return when Sentinel has promoted the replica."""
        wait_until(lambda: self.current_port() == self.replica.port, limit=30, what="the replica is the primary")

    def sentinel(self) -> Sentinel:
        """Return a client of the Sentinel."""
        return Sentinel([("127.0.0.1", self.port)])  # type: ignore[no-untyped-call]

    def current_port(self) -> int:
        """Return the port of the primary; 0 if no server is one."""
        with self.sentinel() as sentinel, suppress(MasterNotFoundError):
            return int(sentinel.discover_master(MASTER_NAME)[1])
        return 0

    def is_ready(self) -> bool:
        """Return whether Sentinel knows the replica, which has a copy of all data."""
        with self.sentinel() as sentinel:
            return bool(sentinel.discover_slaves(MASTER_NAME)) and self.primary.client.wait(1, 100) == 1


def start_failover(container: ValkeyContainer) -> Failover:
    """Start a primary, a replica and a Sentinel; return when the replica could take over."""
    login = ("--masteruser", USER, "--masterauth", PASSWORD)
    primary = container.server(*login)
    replica = container.server(*login, "--replicaof", f"127.0.0.1 {primary.port}", "--replica-announce-ip", "127.0.0.1")
    failover = Failover(port=next(container.ports), primary=primary, replica=replica)
    text = SENTINEL.format(port=failover.port, primary=primary.port)
    container.run(f"printf %s {shlex.quote(text)} >/data/sentinel.conf && valkey-server /data/sentinel.conf --sentinel")
    wait_until(failover.is_ready, limit=20, what="the replica could take over")
    return failover


@contextmanager
def valkey_container(folder: Path) -> Iterator[ValkeyContainer]:
    """Yield a container without a running server; remove it at the end."""
    write_certificate(folder)
    name, ports = unique_slug(), [free_port() for _ in range(8)]
    published = [f"--publish=127.0.0.1:{port}:{port}" for port in ports]
    options = ("--detach", "--rm", "--init", f"--name={name}", f"--volume={folder}:/tls:ro", *published)
    run("docker", "run", *options, IMAGE, "sleep", "infinity")
    try:
        yield ValkeyContainer(name=name, ports=iter(ports), certificate=folder / "cert.pem")
    finally:
        run("docker", "rm", "--force", "--volumes", name)


def write_certificate(folder: Path, *hosts: str) -> None:
    """Write a key and a self-signed certificate for 127.0.0.1 and these hosts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test")]), datetime.now(UTC)
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), *map(x509.DNSName, hosts)]
    address = x509.SubjectAlternativeName(names)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    builder = builder.add_extension(address, critical=False)
    (folder / "cert.pem").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
