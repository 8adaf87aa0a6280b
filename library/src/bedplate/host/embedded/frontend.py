"""The frontend's assets, built with Node."""

import filecmp
import shutil
from typing import Final

from bedplate.host.embedded.node import find_node, install_node
from bedplate.host.embedded.processes import Group
from bedplate.host.embedded.project import Project, Stamp, files_below, fingerprint

NOT_SOURCES: Final = frozenset({"node_modules", "coverage"})
# Without a network npm would otherwise try for minutes.
IMPATIENT: Final = ("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")


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
    group.run([node.npm, *arguments], folder=project.frontend, PATH=node.search_path)
