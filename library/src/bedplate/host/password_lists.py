"""Servers that check passwords by their hashes: Valkey's.

Each has a list in secrets/, derived from the secret that `x-hashes-of` names, which contains the whole URL. A server
never rejects running clients: first it accepts the next password beside the current one, and only the next one when
all running clients use it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from bedplate.host.commands.docker import compose
from bedplate.host.configuration import services as compose_services
from bedplate.host.configuration.secret_list import FOLDER, Secret
from bedplate.host.programs import attempt
from bedplate.host.steps import Steps

PASSWORD: Final = re.compile(r"[A-Za-z0-9._~-]+")


def problem_of(address: str, secret: Secret) -> str:
    """Return the problem of a URL, or an empty text.

    The server's file has the hash of its password: a guessable one could be found.
    """
    password = password_in(address, secret.form)
    if "://" not in address:
        return f"it is an address: {secret.form}, or that of another server."
    if password is None:
        return f"the address of this server is written {secret.form}" if is_ours(address, secret.form) else ""
    if not PASSWORD.fullmatch(password):
        return f"its password must be of letters, digits and . _ ~ -, in an address like {secret.form}"
    if len(password) < secret.length:
        return f"its password is too short: {len(password)} characters, {secret.length} at least."
    return ""


def password_in(address: str, form: str) -> str | None:
    """Return the password in a URL of this form; None if it has another form."""
    start, _, end = form.partition("SECRET")
    if not address.startswith(start) or end not in address[len(start) :]:
        return None
    return address[len(start) :].partition(end)[0] if end else address[len(start) :]


def is_ours(address: str, form: str) -> bool:
    """Return whether the URL has the host of this form."""
    return host_in(address) == host_in(form)


def host_in(address: str) -> str:
    """Return the host of a URL."""
    return re.split("[:/?]", address.partition("://")[2].rpartition("@")[2], maxsplit=1)[0]


def user_in(form: str) -> str:
    """Return the user of a URL."""
    return form.partition("://")[2].partition(":")[0]


def hash_of(file: Path, form: str) -> str:
    """Return the hash of the password in this file, as Valkey writes it; empty for another server's address."""
    if not file.exists():
        return ""
    password = password_in("".join(file.read_text(errors="replace").partition("\n")[0].split()), form)
    return f"#{sha256(password.encode()).hexdigest()}" if password else ""


@dataclass(frozen=True, kw_only=True)
class PasswordLists:
    """The lists of an environment, the services that read them, and the steps in which they change."""

    secrets: Mapping[str, Secret]
    services: Mapping[str, Any]
    steps: Steps
    wait: int = 120
    """Seconds for a server to become healthy."""

    @property
    def lists(self) -> list[tuple[str, Secret]]:
        """Each list, and the secret whose hashes it contains."""
        return [(name, self.secrets[secret.hashes_of]) for name, secret in self.secrets.items() if secret.hashes_of]

    def add(self) -> None:
        """Add the current passwords, and the next ones of a rotation, to the lists. Existing entries stay."""
        for name, secret in self.lists:
            file = FOLDER / name
            present = file.read_text(errors="replace").splitlines() if file.exists() else []
            files = (FOLDER / secret.name, FOLDER / f".{secret.name}.next")
            self._put(name, [*present, *(hash_of(path, secret.form) for path in files)])

    def keep_current(self) -> None:
        """Keep only the current passwords, except in lists with clients that still use an earlier one."""
        for name, secret in self.lists:
            if stale := self.readers_with_another(secret.name):
                self.steps.say(f"An earlier {name} stays valid, because these use it: {' '.join(stale)}")
            else:
                self._put(name, [hash_of(FOLDER / secret.name, secret.form)])

    def _put(self, name: str, hashes: list[str]) -> None:
        # The server runs as another user; hashes may be readable.
        unfinished = FOLDER / f".{name}.new"
        unfinished.write_text("".join(f"{line}\n" for line in dict.fromkeys(hashes) if line))
        unfinished.chmod(0o644)
        unfinished.replace(FOLDER / name)

    def readers_with_another(self, secret: str) -> list[str]:
        """Return the services that run with an earlier secret than the one in secrets/."""
        found = []
        for service in compose_services.readers_of(secret, self.services):
            running = self._containers(service, "--status", "running")
            if any(not self.shows(container, secret) for container in running):
                found.append(service)
        return found

    def _containers(self, service: str, *options: str) -> list[str]:
        return self.steps.output(compose("ps", "--quiet", *options, service)).split()

    def shows(self, container: str, secret: str) -> bool:
        """Return whether the container has the current file of secrets/."""
        result = attempt(["docker", "exec", container, "cat", f"/run/secrets/{secret}"])
        return result.returncode == 0 and result.stdout == (FOLDER / secret).read_text(
            encoding="utf-8", errors="replace"
        )

    def _servers(self) -> Iterator[tuple[str, str, Secret]]:
        """Yield each service that reads a list, the list, and the secret whose hashes it contains."""
        for name, secret in self.lists:
            for service in compose_services.readers_of(name, self.services):
                yield service, name, secret

    def without_list(self) -> list[str]:
        """Return the running servers from before passwords: they have no list, and accept all clients."""
        found = []
        for service, name, _secret in self._servers():
            for container in self._containers(service, "--status", "running"):
                mounts = attempt(
                    ["docker", "inspect", "--format", "{{range .Mounts}}{{.Destination}} {{end}}", container]
                )
                if f"/run/secrets/{name} " not in mounts.stdout:
                    found.append(service)
        return found

    def accept_current(self) -> None:
        """Let every running server accept the current password, before a client starts that uses it.

        A server from before passwords gets it at run time, because its clients have none yet. It loses it at a
        restart.
        """
        replace, without = False, self.without_list()
        for service, name, secret in self._servers():
            line = hash_of(FOLDER / secret.name, secret.form)
            if not line or not self._containers(service, "--status", "running"):
                continue
            exec_in = compose("exec", "--no-TTY", service)
            if service in without:
                rights = ["on", line, "~*", "&*", "+@all"]
                self.steps.run([*exec_in, "valkey-cli", "-e", "acl", "setuser", user_in(secret.form), *rights])
            elif self.steps.run([*exec_in, "grep", "-qxF", line, f"/run/secrets/{name}"], check=False) != 0:
                replace = True
        if replace:
            self.replace_servers()

    def replace_servers(self) -> None:
        """Replace the servers that run with other lists.

        For about a second, tasks wait in their rows and pages work without the cache.
        """
        stale = [
            service
            for service, name, _secret in self._servers()
            if any(not self.shows(container, name) for container in self._containers(service))
        ]
        if stale:
            self.steps.run(compose("rm", "--stop", "--force", *stale))
            self._start(stale)

    def accept_only_current(self) -> None:
        """At the end, when all clients use the current passwords: let the servers accept only these."""
        self.keep_current()
        servers = list(dict.fromkeys(service for service, _name, _secret in self._servers()))
        if servers:  # without a name it would be all services
            self.replace_servers()
            self._start(servers)

    def _start(self, servers: list[str]) -> None:
        self.steps.run(compose("up", "--detach", "--wait", "--wait-timeout", str(self.wait), *servers))
