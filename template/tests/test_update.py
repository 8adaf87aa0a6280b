"""`./update_project.sh`: a team's changes and the base project's, merged or marked, never lost."""

import json
from functools import partial
from pathlib import Path

import pytest
from base_project import BaseProject, MadeProject, clone, git, run, share_environment
from checkout import ROOT
from documents import commands_of
from team import FLOWER_OF_NGINX, SETTINGS, append, assert_kept, change, replace


@pytest.fixture
def upstream(tmp_path: Path) -> BaseProject:
    """Return a clone of the base project that goes on."""
    return clone(tmp_path / "base")


@pytest.fixture
def shop(upstream: BaseProject, tmp_path: Path) -> MadeProject:
    """Return a project that was made before the base project went on."""
    project = upstream.make(tmp_path / "shop", name="Shop")
    share_environment(ROOT / ".venv-template", project.folder)
    return project


def read_in(project: MadeProject, name: str) -> str:
    """Return the text of a file of the project."""
    return (project.folder / name).read_text()


def improve(upstream: BaseProject) -> str:
    """Let the base project go on in ways that it does; return its commit."""
    replace(upstream.folder / ".env.example.jinja", "# Time zone of pages", "# The time zone of pages")
    replace(upstream.folder / SETTINGS, '"""', '"""Improved: ')
    (upstream.folder / "web/pages/improvement.py").write_text('"""New."""\n')
    replace(upstream.folder / "nginx/snippets/flower.conf", "#", "# Improved.\n#")
    (upstream.folder / "web/users/migrations/0002_improved.py").touch()
    append(upstream.folder / "CHANGELOG.md", "\n### By hand\n\n- Say `docker compose build`\n  once.\n")
    return upstream.commit("Improve")


def test_team_and_base_project_meet(upstream: BaseProject, shop: MadeProject) -> None:
    """The how-to brings every change of either side; what was removed stays so; a second update does nothing."""
    (shop.folder / "web/users/migrations/0002_team.py").touch()
    change(shop)
    commit = improve(upstream)
    (shop.folder / ".env").write_text("SECRET_KEY=ours\n")

    (commands,) = commands_of(ROOT / "docs/how-to/update.md")
    result = shop.run("bash", "-euc", commands)

    assert result.returncode == 0, result.stdout + result.stderr
    assert git(shop.folder, "branch", "--show-current").strip() == "update"
    assert_kept(shop)
    read = partial(read_in, shop)
    assert "Improved: " in read(SETTINGS)
    assert "# The time zone" in read(".env.example")
    assert "COMPOSE_PROJECT_NAME=shop" in read(".env.example")
    assert (shop.folder / "web/pages/improvement.py").exists()
    assert read(".env") == "SECRET_KEY=ours\n"
    assert f"they stay removed:\n  {FLOWER_OF_NGINX}" in result.stdout
    assert "makemigrations --merge\n  web/users/migrations" in result.stdout
    assert "To be done by hand:\n  - Say `docker compose build`\n    once." in result.stdout
    assert json.loads(read(".copier-answers.yml"))["_commit"] == commit

    shop.commit("Update")
    assert "Up to date" in shop.update().stdout


def test_same_lines_are_marked(upstream: BaseProject, shop: MadeProject) -> None:
    """Where both changed the same lines, both are in the file; git lets nobody commit before it is decided."""
    replace(shop.folder / "web/templates/footer.html", "<footer", "<footer data-of='the team'")
    shop.commit("Ours")
    replace(upstream.folder / "web/templates/footer.html", "<footer", "<footer data-of='the base project'")
    upstream.commit("Theirs")

    result = shop.update()

    assert result.returncode == 3
    footer = (shop.folder / "web/templates/footer.html").read_text()
    assert footer.index("<<<<<<< YOURS") < footer.index("the team") < footer.index("=======")
    assert footer.index("=======") < footer.index("the base project") < footer.index(">>>>>>> BASE_PROJECT")
    assert "git add FILE" in result.stdout
    assert git(shop.folder, "diff", "--name-only", "--diff-filter=U").split() == ["web/templates/footer.html"]


def test_the_readme_commits_no_marks(upstream: BaseProject, shop: MadeProject) -> None:
    """A person who types the README's commands one after the other, whatever they print, commits no conflict."""
    for project, who in ((shop, "the team"), (upstream, "the base project")):
        replace(project.folder / "web/templates/footer.html", "<footer", f"<footer data-of='{who}'")
        project.commit("A footer")
    before = git(shop.folder, "rev-parse", "HEAD")
    script = "".join(commands_of(ROOT / "README_install_base_project.md", section="Update it"))
    assert "git commit" in script
    result = shop.run("bash", "-c", script)
    assert "unmerged files" in result.stderr
    assert git(shop.folder, "rev-parse", "HEAD") == before
    git(shop.folder, "checkout", "--ours", "--", "web/templates/footer.html")
    git(shop.folder, "add", "web/templates/footer.html")
    assert shop.run("bash", "-c", script.splitlines()[-1]).returncode == 0
    assert git(shop.folder, "status", "--porcelain") == ""
    assert "<<<<<<<" not in git(shop.folder, "show", "HEAD")


def test_changed_here_and_removed_there(upstream: BaseProject, shop: MadeProject) -> None:
    """What the team changed stays, though the base project has dropped it, and is named."""
    append(shop.folder / "web/pages/views.py", "# ours\n")
    shop.commit("Ours")
    (upstream.folder / "web/pages/views.py").unlink()
    upstream.commit("Theirs")
    result = shop.update()
    assert result.returncode == 0
    assert "removed by the base project; they stay:\n  web/pages/views.py" in result.stdout
    assert (shop.folder / "web/pages/views.py").read_text().endswith("# ours\n")


def test_what_moved_is_followed_by_changes_and_not_by_new_files(upstream: BaseProject, shop: MadeProject) -> None:
    """A team's change of a file that the base project moved is in its new place; a team's own new file stays."""
    append(shop.folder / "web/pages/views.py", "\n# The team's\n")
    (shop.folder / "web/pages/mine.py").write_text('"""Of the team."""\n')
    shop.commit("What a team does")
    git(upstream.folder, "mv", "web/pages", "web/moved")
    upstream.commit("Move")

    result = shop.update("--yes")

    assert result.returncode == 0, result.stdout + result.stderr
    assert (shop.folder / "web/pages/mine.py").is_file()
    assert not (shop.folder / "web/moved/mine.py").exists()
    assert read_in(shop, "web/moved/views.py").endswith("# The team's\n")
    assert not (shop.folder / "web/pages/views.py").exists()


def test_dry_run_shows_and_changes_nothing(upstream: BaseProject, shop: MadeProject) -> None:
    """--dry-run names the files that would change; the checkout and its history are as before."""
    improve(upstream)
    before = git(shop.folder, "for-each-ref"), git(shop.folder, "rev-parse", "HEAD")
    result = shop.update("--dry-run")
    assert result.returncode == 0
    assert "web/pages/improvement.py" in result.stdout
    assert "Nothing was changed" in result.stdout
    assert git(shop.folder, "status", "--porcelain") == ""
    assert (git(shop.folder, "for-each-ref"), git(shop.folder, "rev-parse", "HEAD")) == before


def refused(project: MadeProject, *options: str, saying: str) -> None:
    """Update nothing; assert that the reason is said."""
    result = project.update(*options)
    assert result.returncode == 1
    assert saying in result.stderr
    assert "Traceback" not in result.stderr


def test_refused(upstream: BaseProject, shop: MadeProject, tmp_path: Path) -> None:
    """Uncommitted work, an unknown version, a base project that is gone, lost answers: said, and nothing changed."""
    (shop.folder / "new.txt").touch()
    refused(shop, saying="not committed: new.txt")
    (shop.folder / "new.txt").unlink()
    refused(shop, "--to", "v99", saying="has no version v99")
    refused(shop, "--from", str(tmp_path / "nowhere"), saying="--from ADDRESS-OR-FOLDER")
    (shop.folder / ".copier-answers.yml").write_text("half {")
    shop.commit("Break the answers")
    refused(shop, saying="git checkout -- .copier-answers.yml")
    (shop.folder / ".copier-answers.yml").unlink()
    shop.commit("Lose the answers")
    refused(shop, saying="was not made from the base project")


def test_ctrl_c_amid_the_change_of_files_leaves_no_half(upstream: BaseProject, shop: MadeProject) -> None:
    """The files are changed in a moment; Ctrl-C in that moment is too late, and nothing claims otherwise."""
    improve(upstream)
    hook = shop.folder / ".git/hooks/post-index-change"  # git runs it when the files are there and the index is written
    hook.parent.mkdir(exist_ok=True)
    interrupt = 'kill -INT "$(ps -o ppid= -p "$PPID")"'
    hook.write_text(f"#!/bin/sh\n[ ! -e '{shop.folder}/web/pages/improvement.py' ] || {interrupt}\n")
    hook.chmod(0o755)
    result = shop.update()
    hook.unlink()
    assert result.returncode == 0, result.stderr
    assert "Done. Nothing is committed yet." in result.stdout
    shop.commit("Update")
    assert "Up to date" in shop.update().stdout


def test_failure_amid_the_change_of_files_is_told(upstream: BaseProject, shop: MadeProject) -> None:
    """Where git cannot write, it does not say that nothing was changed, but how to take it back."""
    improve(upstream)
    (shop.folder / ".git/index.lock").touch()
    result = shop.update()
    assert result.returncode == 1
    assert "Stopped half way: git read-tree" in result.stderr
    assert "git reset --hard" in result.stderr


def test_a_relative_folder_is_where_the_person_is(upstream: BaseProject, shop: MadeProject, tmp_path: Path) -> None:
    """`--from ../base` is beside the current folder; its whole path is remembered, so that the next update finds it."""
    commit = improve(upstream)
    (shop.folder / "docs").mkdir(exist_ok=True)
    result = run("../update_project.sh", "--from", "../../base", folder=shop.folder / "docs")
    assert result.returncode == 0, result.stderr
    answers = json.loads(read_in(shop, ".copier-answers.yml"))
    assert (answers["_src_path"], answers["_commit"]) == (str(upstream.folder), commit)
    shop.commit("Update")
    refused(shop, "--from", "../nowhere", saying=f"cannot be fetched from {tmp_path}/nowhere")


def test_a_remembered_relative_folder_is_beside_the_project(upstream: BaseProject, shop: MadeProject) -> None:
    """As earlier versions wrote it down."""
    replace(shop.folder / ".copier-answers.yml", str(upstream.folder), "../base")
    shop.commit("A relative address")
    improve(upstream)
    result = run("../update_project.sh", folder=shop.folder / "docs")
    assert result.returncode == 0, result.stderr
    assert str(upstream.folder) in read_in(shop, ".copier-answers.yml")


def test_moved_base_project_is_remembered(upstream: BaseProject, shop: MadeProject, tmp_path: Path) -> None:
    """--from is where the next update looks too."""
    moved = tmp_path / "moved"
    upstream.folder.rename(moved)
    moved_base = BaseProject(moved)
    improve(moved_base)
    assert shop.update("--from", str(moved)).returncode == 0
    shop.commit("Update")
    assert "Up to date" in shop.update().stdout
