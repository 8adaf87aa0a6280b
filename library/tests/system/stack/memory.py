"""Memory of containers, as the kernel counts it for their limits."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from bedplate.testing.compose import Stack, run

MIB: Final = 2**20
GIB: Final = 2**30
# Version 2 of control groups, or version 1: the names differ.
READ: Final = """
cd /sys/fs/cgroup
if [ -e memory.stat ]; then cat memory.stat && echo "usage $(cat memory.current)"
else cat memory/memory.stat && echo "usage $(cat memory/memory.usage_in_bytes)"; fi
"""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Memory of a container, in bytes: all that cannot be reclaimed at once, and its processes' own part of that."""

    working_set: int
    anonymous: int

    @classmethod
    def parse(cls, text: str) -> "Memory":
        """Parse the output of `READ`."""
        numbers = {name: int(value) for name, value in (line.split() for line in text.splitlines())}
        inactive = numbers.get("total_inactive_file", numbers["inactive_file"])
        return cls(working_set=numbers["usage"] - inactive, anonymous=numbers.get("anon", numbers.get("total_rss", 0)))


def memory_of(stack: Stack) -> dict[str, Memory]:
    """Return the memory of each service's container."""
    identifiers = {service: container["Id"] for service, container in stack.containers().items()}
    with ThreadPoolExecutor() as pool:
        texts = pool.map(lambda identifier: run("docker", "exec", identifier, "sh", "-c", READ), identifiers.values())
        return dict(zip(identifiers, map(Memory.parse, texts), strict=True))
