"""`./bedplate new`: its results and its refusals; it leaves nothing unfinished."""

import json
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest
from base_project import BaseProject, MadeProject, git, run
from bedplate.host.configuration import env_file
from bedplate.testing.checkout import ROOT
from embedded_mode import wait_for

# The base project's name may occur in the credits and in the project's record of its origin, nowhere else.
CREDITS = {Path("README.md"), Path(".copier-answers.yml"), Path("library/LICENSE")}
LEFT_BEHIND = (
    "copier.yml",
    "template",
    "docs/home.png",
    "docs/screenshots",
    "docs/adr/0021-library.md",
    "library/tests",
)


def test_a_persons_configuration_of_git_changes_nothing(base: BaseProject, tmp_path: Path) -> None:
    """Files that a person ignores in all repositories, and a person's line endings, do not affect the project."""
    ignored = tmp_path / "ignored"
    ignored.write_text("*.mo\n")
    configuration = tmp_path / "gitconfig"
    configuration.write_text(f"[core]\n\texcludesFile = {ignored}\n\tautocrlf = true\n")
    made = base.new_project(tmp_path / "shop", "--yes", "--name=Shop", GIT_CONFIG_GLOBAL=str(configuration))
    assert made.returncode == 0, made.stderr
    files = git(tmp_path / "shop", "ls-files").splitlines()
    assert [name for name in files if name.endswith(".mo")]
    assert b"\r" not in (tmp_path / "shop/install_docker.sh").read_bytes()


def values(project: MadeProject) -> dict[str, str]:
    """Return the variables of .env.example, as a shell reads them."""
    lines = (project.folder / ".env.example").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: "".join(shlex.split(value, comments=True)) for name, _, value in pairs}


def refused(base: BaseProject, *options: str | Path, saying: str, **variables: str) -> None:
    """Make no project; assert that the reason is given."""
    result = base.new_project(*options, **variables)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "Stopped, nothing was changed" in result.stderr
    assert saying in result.stderr
    assert "Traceback" not in result.stderr


def test_project(acme: MadeProject) -> None:
    """It has one commit with all files, and remembers its origin."""
    assert git(acme.folder, "log", "--format=%s").startswith("Start from the base project")
    assert git(acme.folder, "status", "--porcelain") == ""
    answers = json.loads((acme.folder / ".copier-answers.yml").read_text())
    assert (answers["project_name"], answers["slug"], answers["frontend"]) == ("Acme", "acme", True)
    assert re.fullmatch("[0-9a-f]{40}", answers["_commit"])
    assert {name for name in answers if name.startswith("_")} == {"_commit", "_src_path"}


def test_base_project_files_are_not_copied(acme: MadeProject) -> None:
    """Nothing about making projects is copied; all that runs, tests and updates them is."""
    assert [name for name in LEFT_BEHIND if (acme.folder / name).exists()] == []
    assert [path for path in acme.files() if path.suffix == ".jinja"] == []
    for script in ("install_docker.sh", "install_embedded.sh", "run_tests.sh", "bedplate"):
        assert run(acme.folder / script, "--help", folder=acme.folder).returncode == 0


def test_links_between_its_pages_lead_somewhere(acme: MadeProject) -> None:
    """No page links to a file that is not copied."""
    pages = [acme.folder / path for path in acme.files() if path.suffix == ".md" and path.parts[0] != "library"]
    texts = [
        (page, re.sub(r"^```diff\n.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)) for page in pages
    ]
    links = [(page, link) for page, text in texts for link in re.findall(r"\]\((?!\w+:)([^)#\s]+)", text)]
    assert len(links) > 50
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []


def test_no_name_leaks(acme: MadeProject) -> None:
    """No file of the project names the base project, except in the credits; its library is a package of that name."""
    named = [
        path for path in acme.files() if b"Bedplate" in (acme.folder / path).read_bytes() or "Bedplate" in str(path)
    ]
    assert set(named) <= CREDITS


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("L'École d'Été", "l-ecole-d-ete"),
        ("L\u2019E\u0301cole d\u2019E\u0301te\u0301", "l-ecole-d-ete"),  # as macOS writes names of files
        ('The "Best" Shop', "the-best-shop"),
        ("50 $ `off` \\o/", "off-o"),
        ("x" * 60, "x" * 40),
        *(
            pytest.param(*name, marks=pytest.mark.slow)
            for name in (
                ("Müller & Söhne, Zürich", "muller-sohne-zurich"),
                ("Straße Ærø Łódź \ufb01ne \uff37ide", "strasse-aero-lodz-fine-wide"),
                ("O'Brien's", "o-brien-s"),
                ("日本", "site"),
                ("test", "test"),
                ("django", "django"),
            )
        ),
    ],
)
def test_awkward_names(base: BaseProject, tmp_path: Path, name: str, slug: str) -> None:
    """A shell and the commands of the host read the name unchanged; the slug is made to fit."""
    project = base.make(tmp_path / "made", name=name)
    read = values(project)
    assert (read["PROJECT_NAME"], read["COMPOSE_PROJECT_NAME"], read["DOMAIN"]) == (name, slug, f"{slug}.local")
    assert env_file.read(project.folder / ".env.example")["PROJECT_NAME"] == name
    assert (project.folder / "README.md").read_text().startswith(f"# {name}\n")


def test_a_name_without_latin_letters_is_reported(base: BaseProject, tmp_path: Path) -> None:
    """The project's slug then, and how to choose one, are printed; with a chosen one they are not."""
    said = base.new_project(tmp_path / "made", "--yes", "--name", "日本").stdout
    assert "Its short name is site" in said
    assert "--slug" in said
    assert "short name" not in base.new_project(tmp_path / "site", "--yes", "--name", "日本", "--slug", "site").stdout


def test_without_frontend(base: BaseProject, tmp_path: Path) -> None:
    """No frontend, no folder and no profile of it."""
    project = base.make(tmp_path / "plain", "--no-frontend")
    assert not (project.folder / "web/frontend").exists()
    assert values(project)["COMPOSE_PROFILES"] == ""
    assert "web/frontend" not in (project.folder / "README.md").read_text()


def test_without_api(base: BaseProject, tmp_path: Path) -> None:
    """No resources, and no client of them in the frontend."""
    project = base.make(tmp_path / "plain", "--no-api")
    assert not (project.folder / "web/api").exists()
    assert (project.folder / "web/frontend/src/main.tsx").exists()
    assert not (project.folder / "web/frontend/src/api").exists()


@pytest.mark.parametrize(
    ("licence", "beginning"),
    [
        ("MIT", ["MIT License", "", "Copyright (c) the authors of Shop"]),
        ("Apache-2.0", ["Apache License", "Version 2.0, January 2004"]),
    ],
)
def test_licence(base: BaseProject, tmp_path: Path, licence: str, beginning: list[str]) -> None:
    """A project has the license that its team chose; the library keeps its own."""
    project = base.make(tmp_path / "shop", "--licence", licence, name="Shop")
    lines = [line.strip() for line in (project.folder / "LICENSE").read_text().splitlines()]
    assert lines[: len(beginning)] == beginning
    assert (project.folder / "library/LICENSE").read_text() == (ROOT / "library/LICENSE").read_text()


def test_without_a_licence(acme: MadeProject) -> None:
    """By default the team's code has no license: Bedplate's is not theirs."""
    assert not (acme.folder / "LICENSE").exists()
    assert (acme.folder / "library/LICENSE").exists()


@pytest.mark.parametrize(
    ("options", "saying"),
    [
        (["--name", " "], "--name: Give the project a name."),
        (["--name", "x" * 61], "--name: At most 60 characters."),
        (["--name", "It's $5"], "--name: Not ' together with"),
        (["--name", "class"], "--slug: class is reserved: try class-site."),
        (["--name", "Shop", "--slug", "1shop"], "--slug: Like flower-shop: letter first"),
        (["--name", "Shop", "--slug", "my_shop"], "--slug: Like flower-shop: letter first"),
        (["--name", "Shop", "--slug", "none"], "--slug: none is reserved"),
        (["--name", "Shop", "--slug", "s" * 41], "--slug: At most 40 characters"),
        (["--name", "Shop", "--domain", "not a host"], "--domain: Like www.example.com"),
        (["--name", "Shop", "--admin-email", "no-address"], "--admin-email: Like you@example.com"),
        (["--name", "Shop", "--time-zone", "Mars/Olympus"], "--time-zone: Not a time zone"),
        ([], "the project needs a name"),
    ],
)
def test_bad_answers(base: BaseProject, tmp_path: Path, options: list[str], saying: str) -> None:
    """An invalid answer is named, with a valid example; no folder is left."""
    refused(base, tmp_path / "shop", "--yes", *options, saying=saying)
    assert list(tmp_path.iterdir()) == []


def test_bad_directories(base: BaseProject, tmp_path: Path) -> None:
    """A non-empty folder, a file, one whose parent is missing, one in the base project: none is changed."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full/kept").write_text("kept")
    (tmp_path / "file").touch()
    options = ("--yes", "--name", "Shop")
    refused(base, tmp_path / "full", *options, saying="exists, and is not an empty folder")
    refused(base, tmp_path / "file", *options, saying="exists, and is not an empty folder")
    refused(base, tmp_path / "missing/shop", *options, saying=f"mkdir -p '{tmp_path}/missing'")
    refused(base, base.folder / "shop", *options, saying="is inside the base project")
    assert (tmp_path / "full/kept").read_text() == "kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]


def test_empty_directory_is_taken(base: BaseProject, tmp_path: Path) -> None:
    """An existing empty folder is used."""
    (tmp_path / "shop").mkdir()
    assert (base.make(tmp_path / "shop").folder / "README.md").exists()


def test_folder_beside_the_clone(base: BaseProject) -> None:
    """`../shop`, as the README has it, is beside the clone and not inside."""
    result = base.new_project("../shop", "--yes", "--name", "Shop")
    assert result.returncode == 0, result.stderr
    assert (base.folder.parent / "shop/README.md").exists()


def test_without_git_or_a_name_for_it(base: BaseProject, tmp_path: Path) -> None:
    """Without git, or a name for the commit, nothing is started."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for name in ("bash", "dirname", "env", "find", "sort", "sed", "python3"):
        found = run("bash", "-c", f"type -P {name}", folder=tmp_path).stdout.strip()
        (commands / name).symlink_to(found)
    options = (tmp_path / "shop", "--yes", "--name", "Shop")
    refused(base, *options, saying="git is not installed", PATH=str(commands))
    no_identity = {f"GIT_{role}_{what}": "" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    saying = "git config --global user.name"
    refused(base, *options, saying=saying, **no_identity, HOME=str(tmp_path), GIT_CONFIG_NOSYSTEM="1")
    assert not (tmp_path / "shop").exists()


def test_interrupted(base: BaseProject, tmp_path: Path) -> None:
    """Ctrl-C during the work leaves nothing behind."""
    folder = tmp_path / "shops"
    folder.mkdir()
    command = [str(base.folder / "bedplate"), "new", str(folder / "shop"), "--yes", "--name", "Shop"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, process_group=0) as process:
        wait_for(lambda: any(folder.glob(".shop-*/render/template/web")), what="it works", limit=60)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted, nothing was changed" in said
    assert list(folder.iterdir()) == []


def test_help_and_wrong_options(base: BaseProject) -> None:
    """--help has an example; an error is named."""
    assert "--run embedded" in base.new_project("--help").stdout
    result = base.new_project("../shop", "--nmae", "Shop")
    assert result.returncode == 2
    assert "--nmae" in result.stderr


def test_the_clone_still_runs_in_place() -> None:
    """The base project itself has all files that its scripts need: its .env.example is no template."""
    assert "{{" not in (ROOT / ".env.example").read_text()
