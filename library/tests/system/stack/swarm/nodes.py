"""Three machines, each a privileged container with a Docker engine of its own, on a network of their own."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.testing.checkout import free_port
from bedplate.testing.compose import attempt, run, wait_until

HERE: Final = Path(__file__).resolve().parent
IMAGE: Final = "stack-test-swarm-machine"
REGISTRY: Final = "registry:5000"
NAMES: Final = ("one", "two", "three")
POOL: Final = "10.201.0.0/16"  # of the swarm's own networks: not those of this machine
# A machine without power keeps no file of a running program.
ENGINE: Final = (
    "bash",
    "-c",
    'rm -rf /run/docker* /run/containerd && exec dockerd "$@"',
    "dockerd",
    *(f"--insecure-registry={REGISTRY}", "--no-new-privileges", "--storage-driver=overlay2"),
)
REGISTRY_CONFIGURATION: Final = """
version: 0.1
storage: { filesystem: { rootdirectory: /var/lib/registry } }
http: { addr: ":5000" }
"""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine of the swarm: a container of this one."""

    name: str
    container: str

    def run(self, *command: str, limit: float = 120, folder: str = "/") -> str:
        """Return the output of a command on it."""
        return run("docker", "exec", f"--workdir={folder}", self.container, *command, limit=limit)

    def docker(self, *arguments: str, limit: float = 120) -> str:
        """Return the output of its `docker`."""
        return self.run("docker", *arguments, limit=limit)

    @property
    def address(self) -> str:
        """Its address in the network of the machines."""
        shown = run("docker", "inspect", "--format", "{{json .NetworkSettings.Networks}}", self.container)
        (network,) = json.loads(shown).values()
        address: str = network["IPAddress"]
        return address

    def kill(self) -> None:
        """Cut its power."""
        run("docker", "kill", self.container)

    def start(self) -> None:
        """Switch it on again, and wait until its engine answers."""
        run("docker", "start", self.container)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until its engine answers."""
        ready = ("docker", "exec", self.container, "docker", "version")
        wait_until(lambda: attempt(*ready).returncode == 0, limit=60, what=f"the engine of {self.name} answers")

    def is_ready(self, name: str) -> bool:
        """Return whether a machine is ready, as this one sees it."""
        return self.docker("node", "inspect", "--format", "{{.Status.State}}", name).strip() == "ready"


@dataclass(frozen=True, kw_only=True)
class Machines:
    """The machines, their network, and the registry."""

    network: str
    gateway: str
    """This machine's address, as the machines see it."""
    all: tuple[Machine, ...]
    registry_port: int
    """Of 127.0.0.1: the engine of this machine pushes there, without TLS."""

    @property
    def first(self) -> Machine:
        """The one from which the project is deployed."""
        return self.all[0]

    def named(self, name: str) -> Machine:
        """Return the machine with this name."""
        return next(each for each in self.all if each.name == name)

    @property
    def leader(self) -> str:
        """The name of the leading manager."""
        listed = self.first.docker("node", "ls", "--format", "{{.Hostname}} {{.ManagerStatus}}")
        return next(line.split()[0] for line in listed.splitlines() if line.endswith("Leader"))

    def containers(self, service: str) -> dict[Machine, list[str]]:
        """Return the running containers of a service, by machine."""
        label = f"label=com.docker.swarm.service.name={service}"
        return {each: each.docker("ps", "--quiet", "--filter", label).split() for each in self.all}

    def execute(self, service: str, *command: str, limit: float = 60) -> str:
        """Return the output of a command in one of the service's containers."""
        machine, (container, *_) = next(item for item in self.containers(service).items() if item[1])
        return machine.docker("exec", container, *command, limit=limit)


@contextmanager
def machines(prefix: str, folder: Path) -> Iterator[Machines]:
    """Run three machines and a registry, in no swarm yet; remove all of it at the end."""
    run("docker", "build", "--quiet", "--tag", IMAGE, HERE, limit=300)
    (folder / "registry.yml").write_text(REGISTRY_CONFIGURATION)
    port = free_port()
    with ExitStack() as cleanup:
        network = f"{prefix}-machines"
        run("docker", "network", "create", network)
        cleanup.callback(attempt, "docker", "network", "rm", network)
        configuration = f"--volume={folder / 'registry.yml'}:/registry.yml:ro"
        options = (f"--publish=127.0.0.1:{port}:5000", "--network-alias=registry", "--tmpfs=/var/lib/registry")
        cleanup.enter_context(
            container(
                f"{prefix}-registry",
                network,
                *options,
                configuration,
                command=("docker-registry", "serve", "/registry.yml"),
            )
        )
        cleanup.callback(run, "docker", "volume", "rm", f"{prefix}-shared")  # after the machines that use it
        every = []
        for name in NAMES:
            volumes = ("--volume=/var/lib/docker", f"--volume={prefix}-shared:/shared")
            options_of_machine = ("--privileged", f"--hostname={name}", *volumes)
            cleanup.enter_context(container(f"{prefix}-{name}", network, *options_of_machine, command=ENGINE))
            every.append(Machine(name=name, container=f"{prefix}-{name}"))
        for machine in every:
            machine.wait_until_ready()
        shown = run("docker", "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", network)
        yield Machines(network=network, gateway=shown.strip(), all=tuple(every), registry_port=port)


@contextmanager
def container(
    name: str, network: str, *options: str, image: str = IMAGE, command: tuple[str, ...] = ()
) -> Iterator[None]:
    """Run a container in this network, and remove it with its volumes at the end."""
    run("docker", "run", "--detach", f"--name={name}", f"--network={network}", *options, image, *command)
    try:
        yield
    finally:
        attempt("docker", "rm", "--force", "--volumes", name)
