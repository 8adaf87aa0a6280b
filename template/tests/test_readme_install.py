"""README_install_base_project.md, followed to the letter by two people: from the base project to the archive."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import ZipFile

import pytest
from base_project import GIT_IDENTITY, BaseProject, clone, git, run, share_environment
from bedplate.testing.checkout import ROOT, free_port, unique_slug
from bedplate.testing.compose import Stack, attempt, wait_until
from documents import commands_of
from stack.proxy import Proxy
from stack.signing import as_environment, trust_key

pytestmark = pytest.mark.stack

PAGE = "README_install_base_project.md"
CUSTOMER = "erika@customer.example"


@dataclass
class Reader:
    """Follows the page, one command after the other in one shell."""

    base: BaseProject
    desk: Path
    proxy: Proxy
    stack: Stack
    variables: dict[str, str] = field(default_factory=dict)

    def follow(self, section: str, *, folder: Path, block: int | None = None, proxied: bool = False) -> str:
        """Return the output of a section's commands."""
        blocks = commands_of(self.base.folder / PAGE, section=section)
        script = "".join(blocks if block is None else [blocks[block]])
        script = script.replace("bedplate proxy install\n", f"bedplate proxy install --port {self.proxy.port}\n")
        variables = self.variables | (self.proxy.variables if proxied else {})
        result = run("bash", "-euo", "pipefail", "-c", script, folder=folder, **variables)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr

    @property
    def started(self) -> Path:
        """The project of the person who has started it."""
        return self.desk / "flower-shop"

    @property
    def joined(self) -> Path:
        """The project of the person who has joined it."""
        return self.stack.directory


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Yield a reader whose team has the base project on its git server; remove all of it at the end."""
    desk = tmp_path_factory.mktemp("desk")
    base = clone(desk / "base")
    server = desk / "server/team"
    git(desk, "init", "--quiet", "--bare", "--initial-branch=main", server / "flower-shop.git")
    git(desk, "clone", "--quiet", "--bare", base.folder, server / "base-project.git")
    home = desk / "home"
    home.mkdir()
    (home / "hosts").write_text("127.0.0.1 localhost\n")
    proxy = Proxy(home=home, name=f"{unique_slug()}-proxy", port=free_port(), https_port=free_port())
    stack = Stack(directory=desk / "colleague/flower-shop", project=unique_slug(), port=free_port())
    variables = {
        **GIT_IDENTITY,
        # On this machine: another name and port than flower-shop's own, and a folder instead of git.example.com.
        "COMPOSE_PROJECT_NAME": stack.project,
        "HTTP_PORT": str(stack.port),
        "XDG_CONFIG_HOME": str(home),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{desk}/server/.insteadOf",
        "GIT_CONFIG_VALUE_0": "git@git.example.com:",
    }
    try:
        yield Reader(base, desk, proxy, stack, variables)
    finally:
        stack.remove()
        attempt("docker", "network", "rm", f"{stack.project}_proxy_pass")  # it was its own, before it joined
        if (home / "settings.env").exists():
            proxy.remove()


def test_page_can_be_followed(reader: Reader) -> None:
    """One starts the project, another joins, runs it, gives it a name, restores, updates and hands it over."""
    start_and_join(reader)
    run_with_docker(reader)
    give_it_a_name(reader)
    restore(reader)
    update(reader)
    hand_over(reader)


def test_it_runs_without_docker(reader: Reader, tmp_path: Path) -> None:
    """The same project is set up without Docker."""
    reader.base.make(tmp_path / "flower-shop", name="Flower Shop")
    reader.follow("Run it without Docker", folder=tmp_path / "flower-shop")
    assert (tmp_path / "flower-shop/var/embedded/database.sqlite3").exists()


def start_and_join(reader: Reader) -> None:
    """Start the project, give it to the team, join it."""
    reader.follow("Start a project", folder=reader.desk, block=0)
    share_environment(ROOT / ".venv-template", reader.desk / "base-project")
    for block in (1, 2):
        reader.follow("Start a project", folder=reader.desk / "base-project", block=block)
    assert (reader.started / "README.md").read_text().startswith("# Flower Shop\n")
    reader.joined.parent.mkdir()
    reader.follow("Join a project", folder=reader.joined.parent)
    assert (reader.joined / "install_docker.sh").exists()


def run_with_docker(reader: Reader) -> None:
    """Install it, stop it, start it again."""
    said = reader.follow("Run it with Docker", folder=reader.joined)
    assert f"http://localhost:{reader.stack.port}" in said
    assert reader.stack.get("/").status == 200


def give_it_a_name(reader: Reader) -> None:
    """Install the machine's proxy, join it."""
    reader.follow("Give it a host name", folder=reader.joined, proxied=True)
    name = f"{reader.stack.project}.localhost"
    wait_until(lambda: "Flower Shop" in reader.proxy.ask(name)[1], limit=20, what=f"{name} is the project")


def restore(reader: Reader) -> None:
    """Restore production's newest backup, which has a customer; then bring back the replaced data."""
    stack = reader.stack
    make = f"from users.models import User; User.objects.create_user({CUSTOMER!r})"
    stack.manage("shell", "--no-imports", "--command", make)
    back_up = ("python", "-m", "bedplate.backup", "--backup")
    as_prod = (*as_environment("prod"), "--env=BACKUP_URL=file:///data/backups")
    trust_key(reader.joined, f"{stack.project}/prod")
    git(reader.joined, "commit", "--quiet", "--all", "--message", "Know PROD's key")
    stack.compose("run", "--rm", "--no-TTY", *as_prod, "cron", *back_up)
    said = reader.follow("Restore data", folder=reader.joined, block=0)
    assert "/prod/" in said
    assert "@example.invalid" in stack.query("SELECT email FROM users_user")
    assert CUSTOMER not in stack.query("SELECT email FROM users_user")
    reader.follow("Restore data", folder=reader.joined, block=1)
    assert CUSTOMER in stack.query("SELECT email FROM users_user")


def update(reader: Reader) -> None:
    """Bring in the base project's later changes."""
    (reader.base.folder / "library/docs/how-to/something-new.md").write_text("# Do something new\n")
    reader.base.commit("Describe something new")
    git(reader.base.folder, "push", "--quiet", reader.desk / "server/team/base-project.git", "HEAD")
    share_environment(ROOT / ".venv-template", reader.joined)
    reader.follow("Update it", folder=reader.joined)
    assert (reader.joined / "library/docs/how-to/something-new.md").exists()
    assert json.loads((reader.joined / ".copier-answers.yml").read_text())["project_name"] == "Flower Shop"


def hand_over(reader: Reader) -> None:
    """Make the archive."""
    reader.follow("Hand it over", folder=reader.joined)
    with ZipFile(reader.joined.parent / "flower-shop.zip") as archive:
        assert {"flower-shop/HAND_OVER.md", "flower-shop/database.dump"} <= set(archive.namelist())


def test_every_command_of_the_page_is_followed(reader: Reader) -> None:
    """No block of the page is left out by the tests above, and by test_install_docker.py (the last section)."""
    followed = {
        *("Start a project", "Join a project", "Run it with Docker", "Run it without Docker", "Give it a host name"),
        *("Restore data", "Update it", "Hand it over", "What `./install_docker.sh` does, by hand"),
    }
    page = reader.base.folder / PAGE
    blocks = [block for section in followed for block in commands_of(page, section=section)]
    assert sorted(blocks) == sorted(commands_of(page))
