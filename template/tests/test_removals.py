"""The how-to pages remove-*.md, followed in a new project, whose tests then pass."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest
from base_project import BaseProject, MadeProject, git, run, share_environment
from bedplate.testing.checkout import ROOT, unique_slug
from documents import commands_of

# Names of each part. None of them is left in a team's files.
WORDS: Final = {
    "remove-backups.md": r"(?<!OIDC_NAME=)(?<!Sign-in with )(?<!storages\[)[Gg]oogle(?!-chrome|-cloud-storage)"
    r"|GOOGLE|BACKUP_|backups\.md"
    r"|hand-over\.md|create_archive|bedplate archive|verif(ier|y_backup)|age_identity|bedplate\.backup",
    "remove-certificates.md": r"renew_certificates|bedplate\.certificates|ACME_|certificates\.md|challenge|certbot"
    r"|^ +(- )?certificates:",
    "remove-embedded-mode.md": r"install_embedded",
    "remove-flower.md": r"\b[Ff]lower\b(?![- ][Ss]hop)",
    "remove-french.md": r"French|Français|locale/fr",
    "remove-the-examples.md": r"pages[/.]examples|example-documents|['\"/]examples['\"/]|Exemples",
    "remove-the-api.md": r"bedplate\.django\.api|\bninja\b|web/api|api\.urls",
    "remove-the-frontend.md": r"web/frontend|npm_watch|\b[Vv]ite\b|FRONTEND|frontend\.html",
    "remove-the-proxy.md": r"proxy_pass[/.:]|PROXY_(PASS|NETWORK)|local-names|edge-\$|machine's proxy",
}
SLUG: Final = unique_slug()
PAGES: Final = sorted(path.name for path in (ROOT / "library/docs/how-to").glob("remove-*.md"))
ELSEWHERE: Final = re.compile(
    r"library/|tests/|\w+\.sh$"  # the base project's: what is there is offered
    r"|CHANGELOG\.md|docs/adr/"  # history
    r"|docs/reference/|docs/README\.md|web/requirements.*\.txt|\.copier-answers\.yml"  # made
)


@pytest.fixture(scope="module")
def whole(base: BaseProject, tmp_path_factory: pytest.TempPathFactory) -> MadeProject:
    """Return a new project with everything; tests copy it, and must not change it."""
    return base.make(tmp_path_factory.mktemp("whole") / "shop", name="Shop")


@pytest.fixture
def project(whole: MadeProject, tmp_path: Path) -> MadeProject:
    """Return a copy of that project, which has its tools."""
    shutil.copytree(whole.folder, tmp_path / "shop", symlinks=True)
    share_environment(ROOT / ".venv", tmp_path / "shop")
    return MadeProject(tmp_path / "shop")


def remove(project: MadeProject, page: str) -> None:
    """Follow a page, and commit the result."""
    commands = "".join(commands_of(project.folder / "library/docs/how-to" / page))
    result = run("bash", "-euo", "pipefail", "-c", commands, folder=project.folder)
    assert result.returncode == 0, result.stderr
    project.commit(f"Follow {page}")


def changed_files(project: MadeProject, page: str) -> list[Path]:
    """Return the files that lose lines, as the page says."""
    text = (project.folder / "library/docs/how-to" / page).read_text()
    return [project.folder / name for name in re.findall(r"^--- a/(.+)$", text, re.MULTILINE)]


def lines_about(project: MadeProject, page: str) -> list[str]:
    """Return the lines of a team's files that name the part of a page."""
    word = re.compile(WORDS[page])
    paths = [path for path in project.files() if not ELSEWHERE.match(path.as_posix()) and path.suffix != ".mo"]
    return [
        f"{path}: {line}"
        for path in paths
        for line in (project.folder / path).read_text().splitlines()
        if word.search(line)
    ]


def dead_links(folder: Path, page: Path) -> list[str]:
    """Return the missing files that a page links to; a patch is no link."""
    links = re.findall(r"^(?![-+]).*?\]\((?!\w+:)([^)#\s]+)", page.read_text(), re.MULTILINE)
    return [f"{page.relative_to(folder)}: {link}" for link in links if not (page.parent / link).exists()]


def dead_references(folder: Path) -> list[str]:
    """Return the missing files that a team's pages name: targets of links, and the scripts of their commands."""
    dead = []
    for page in [*folder.glob("*.md"), *(folder / "docs").rglob("*.md")]:
        if page.name == "CHANGELOG.md":  # history
            continue
        dead += dead_links(folder, page)
        if page.name != "settings.md":  # generated from settings, which stay
            scripts = re.findall(r"(?<![\w/.])\./([\w/]+\.sh)", page.read_text())
            dead += [f"{page.name}: ./{script}" for script in scripts if not (folder / script).exists()]
    return dead


def lint(project: MadeProject) -> None:
    """Fail for findings of the linters that take seconds."""
    for folder, *command in (
        ("web", "ruff", "check", "."),
        ("web", "ruff", "format", "--check", "."),
        ("web", "djlint", "templates", "--check", "--lint", "--quiet"),
        (".", "yamllint", "--strict", *git(project.folder, "ls-files", "*.yml").split()),
        (".", "hadolint", *git(project.folder, "ls-files", "*Dockerfile").split()),
    ):
        result = run(ROOT / ".venv/bin" / command[0], *command[1:], folder=project.folder / folder)
        assert result.returncode == 0, result.stdout + result.stderr


def test_every_link_leads_somewhere(whole: MadeProject) -> None:
    """Between the pages of a project and those of its library."""
    pages = [
        *whole.folder.glob("*.md"),
        *(whole.folder / "docs").rglob("*.md"),
        *(whole.folder / "library/docs").rglob("*.md"),
    ]
    assert len(pages) > 30
    assert [link for page in pages for link in dead_links(whole.folder, page)] == []


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_one_by_one(project: MadeProject, page: str) -> None:
    """Each can be removed alone: no file names it, linters find nothing, pages and their translations are complete."""
    before = dead_references(project.folder)
    assert lines_about(project, page)
    remove(project, page)
    assert lines_about(project, page) == []
    assert [reference for reference in dead_references(project.folder) if reference not in before] == []
    lint(project)
    tests = ("pages", "config/tests/test_translations.py")
    result = run(ROOT / ".venv/bin/python", "-m", "pytest", *tests, folder=project.folder / "web")
    assert result.returncode == 0, result.stdout


def test_all_of_them_in_any_order(project: MadeProject) -> None:
    """A project without all of them is the same in any order."""
    start = git(project.folder, "rev-parse", "HEAD").strip()
    trees = []
    for pages in (PAGES, PAGES[::-1]):
        git(project.folder, "reset", "--quiet", "--hard", start)
        for page in pages:
            remove(project, page)
        trees.append(git(project.folder, "rev-parse", "HEAD^{tree}"))
    assert trees[0] == trees[1]


@pytest.mark.slow
def test_without_all_of_them_its_fast_tests_pass(project: MadeProject) -> None:
    for page in PAGES:
        remove(project, page)
    (project.folder / ".venv").unlink()
    result = project.test_fast()
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]


@pytest.mark.parametrize("page", PAGES)
def test_lines_are_found_where_the_team_has_moved_them(project: MadeProject, page: str) -> None:
    """Lines that a team put before and after them change nothing."""
    files = changed_files(project, page)
    for file in files:
        file.write_text("# Ours.\n" * 9 + file.read_text() + "# Ours, too.\n")
    project.commit("Our lines")
    remove(project, page)
    assert lines_about(project, page) == []
    assert all(file.read_text().startswith("# Ours.\n" * 9) for file in files)


@pytest.mark.parametrize("page", PAGES)
def test_nothing_changes_where_the_team_has_changed_a_line(project: MadeProject, page: str) -> None:
    """The page's commands stop before the first change, and git names the file."""
    text = (project.folder / "library/docs/how-to" / page).read_text()
    name, line = re.findall(r"^--- a/(.+)\n(?:.+\n){2}-(.+)$", text, re.MULTILINE)[-1]
    file = project.folder / name
    file.write_text(file.read_text().replace(line, f"{line} # ours"))
    project.commit("Our change")
    result = run(
        "bash", "-c", "".join(commands_of(project.folder / "library/docs/how-to" / page)), folder=project.folder
    )
    assert result.returncode != 0
    assert name in result.stderr
    assert git(project.folder, "status", "--porcelain") == ""


@pytest.mark.stack
def test_compose_reads_the_remaining_files(project: MadeProject) -> None:
    """Each environment is complete, without any one of the parts and without all of them."""
    start = git(project.folder, "rev-parse", "HEAD").strip()
    for pages in ([], *([page] for page in PAGES), PAGES):
        git(project.folder, "reset", "--quiet", "--hard", start)
        for page in pages:
            remove(project, page)
        for file in ("docker-compose.yml", "dev.yml", "prod.yml"):
            result = compose(project, "--file", file, "config", "--quiet")
            assert (result.returncode, result.stderr) == (0, ""), f"{file} without {pages}"


@pytest.mark.stack
def test_nginx_reads_the_remaining_files(project: MadeProject) -> None:
    """Its image is built without all of the parts, and finds no file missing."""
    for page in PAGES:
        remove(project, page)
    try:
        assert compose(project, "build", "nginx").returncode == 0
        for environment in (["--env", "DIST=built"], ["--env", "ENTRY=public", "--env", "HTTPS_PORT=443"]):
            result = compose(project, "run", "--rm", "--no-deps", "--no-TTY", *environment, "nginx", "nginx", "-t")
            assert result.returncode == 0, result.stderr
    finally:
        compose(project, "down", "--volumes")
        run("docker", "image", "rm", f"{SLUG}-nginx:local", folder=project.folder)


def compose(project: MadeProject, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Docker Compose with the variables of `.env.example`, under a name that no other test uses."""
    command = ("docker", "compose", "--env-file", ".env.example", *arguments)
    return run(*command, folder=project.folder, DOTENV=".env.example", COMPOSE_PROJECT_NAME=SLUG)
