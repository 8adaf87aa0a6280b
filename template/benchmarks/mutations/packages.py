"""The packages whose tests are tried, and the equivalent faults: packages.toml, equivalents.toml."""

import random
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from faults import Fault, faults

type Equivalents = dict[tuple[str, str, str, str], str]
"""The reason why a fault has no observable effect, by the mutant's key."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """Sources, and the tests that must notice a fault in them."""

    name: str
    sources: Sequence[str]
    """Patterns of files below the checkout."""

    tests: Sequence[str]
    """Arguments of pytest in `directory`: one run each, in this order, until one fails."""

    container_near: str = ""
    """Test files in the cron container, beside PostgreSQL, that notice most faults soonest."""

    container_tests: Sequence[str] = ()
    """All tests there."""

    directory: str = "."
    near: str = ""
    """Test files that notice most faults soonest: `users/tests/test_{stem}.py`. Existing ones run first."""

    def mutants(self, checkout: Path) -> Iterator["Mutant"]:
        """Yield every fault of every source."""
        files = {path for pattern in self.sources for path in checkout.glob(pattern)}
        for path in sorted(file for file in files if "tests" not in file.parts):
            for fault in faults(path.read_text()):
                yield Mutant(file=str(path.relative_to(checkout)), fault=fault)


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A file with a fault in it."""

    file: str
    fault: Fault

    @property
    def key(self) -> tuple[str, str, str, str]:
        """A key that stays the same while the file changes elsewhere."""
        return self.file, self.fault.function, self.fault.before, self.fault.after

    @property
    def place(self) -> str:
        """File, line and function."""
        return f"{self.file}:{self.fault.line} {self.fault.function}"

    def __str__(self) -> str:
        """Return the change, as a diff shows it."""
        return f"{self.place}\n  - {self.fault.before}\n  + {self.fault.after}"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The mutants of a package to try, and the number of all."""

    package: Package
    available: int
    mutants: list[Mutant] = field(default_factory=list)


def read_packages(file: Path) -> dict[str, Package]:
    """Return the packages of a file, by their names."""
    tables = tomllib.loads(file.read_text())
    return {name: Package(name=name, **table) for name, table in tables.items()}


def read_equivalents(file: Path) -> Equivalents:
    """Return the accepted faults of a file."""
    tables = tomllib.loads(file.read_text()).get("equivalent", [])
    return {(one["file"], one["function"], one["before"], one["after"]): one["reason"] for one in tables}


def draw(package: Package, checkout: Path, *, number: int, seed: int) -> Sample:
    """Return this number of the package's mutants, always the same for a seed and a state of the code; 0 means all."""
    mutants = list(package.mutants(checkout))
    if number and number < len(mutants):
        chosen = random.Random(f"{seed} {package.name}").sample(range(len(mutants)), number)  # noqa: S311 - no secret
        return Sample(package=package, available=len(mutants), mutants=[mutants[index] for index in sorted(chosen)])
    return Sample(package=package, available=len(mutants), mutants=mutants)
