"""Set-up of the application: packages, database, first user, static files."""

from pathlib import Path
from typing import Final

from bedplate.host.embedded import packages
from bedplate.host.embedded.processes import Group
from bedplate.host.embedded.project import Project, Stamp, files_below, fingerprint

DATABASE: Final = ("migrate --noinput", "create_default_user")
DJANGO_COMMANDS: Final = Path(__file__).with_name("django_commands.py")


def install_packages(project: Project, group: Group) -> None:
    """Create the application's virtual environment."""
    packages.install(project.python_environment, project.requirements, group)


def prepare(project: Project, group: Group) -> None:
    """Migrate the database, create the first user, and collect the static files if one has changed."""
    static_files = Stamp(project.collected_static_files, static_files_key(project))
    if static_files.is_current():
        run(project, group, *DATABASE)
    else:
        static_files.remove()
        run(project, group, *DATABASE, "collectstatic --noinput --clear")
        static_files.write()


def run(project: Project, group: Group, *commands: str) -> None:
    """Run commands of `manage.py`."""
    group.run([project.python, "-P", DJANGO_COMMANDS, *commands], folder=project.web, PYTHONPATH=str(project.web))


def static_files_key(project: Project) -> str:
    """Return a digest of the input of collectstatic: the applications' files, and the locked packages."""
    folders = [project.web / "static", *project.web.glob("*/static")]
    files = [file for folder in folders for file in files_below(folder)]
    return fingerprint([*files, project.requirements])
