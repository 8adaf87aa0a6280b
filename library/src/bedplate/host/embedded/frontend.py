"""The frontend's assets, built with Node."""

import filecmp
import shutil
from typing import Final

from bedplate.host.embedded.node import find_node, install_node
from bedplate.host.embedded.processes import Group
from bedplate.host.embedded.project import Project, Stamp, files_below, fingerprint

NOT_SOURCES: Final = frozenset({"node_modules", "coverage"})
# By default npm retries for minutes without a network.
NPM_RETRY_OPTIONS: Final = ("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")


def assets(project: Project) -> Stamp:
    """Return the stamp of assets built from the current sources."""
    return Stamp(project.built_assets, fingerprint(files_below(project.frontend, skip=NOT_SOURCES)))


def install_packages(project: Project, group: Group) -> None:
    """Install node_modules again, unless it comes from the same lock file or the assets are current."""
    lock = project.frontend / "package-lock.json"
    installed_lock = project.frontend / "node_modules" / ".lock"  # run_tests.sh writes it, too
    if assets(project).is_current() or (installed_lock.is_file() and filecmp.cmp(installed_lock, lock, shallow=False)):
        return
    installed_lock.unlink(missing_ok=True)
    run_npm(project, group, "ci", "--no-audit", "--no-fund", "--prefer-offline", *NPM_RETRY_OPTIONS)
    shutil.copy(lock, installed_lock)


def build(project: Project, group: Group) -> None:
    """Build the assets if their sources have changed."""
    stamp = assets(project)
    if not stamp.is_current():
        stamp.remove()
        run_npm(project, group, "run", "build")
        stamp.write()


def run_npm(project: Project, group: Group, *arguments: str) -> None:
    """Run npm on the frontend."""
    node = find_node() or install_node(project, group)
    group.run([node.npm, *arguments], folder=project.frontend, PATH=node.search_path)
