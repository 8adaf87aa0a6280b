"""`./bedplate update`: a team's changes and the base project's, merged or marked, never lost."""

import json
import re
import signal
from functools import partial
from pathlib import Path

import pytest
from base_project import BaseProject, MadeProject, git, run
from bedplate.testing.checkout import ROOT
from documents import commands_of
from team import FLOWER_OF_NGINX, SETTINGS, append, assert_kept, change, replace
from updating import improve, read_in, refused


def test_team_and_base_project_meet(upstream: BaseProject, shop: MadeProject) -> None:
    """The how-to page brings every change of either side; removed files stay removed; a second update does nothing."""
    (shop.folder / "web/users/migrations/0002_team.py").touch()
    change(shop)
    commit = improve(upstream)
    (shop.folder / ".env").write_text("SECRET_KEY=ours\n")

    (commands,) = commands_of(ROOT / "library/docs/how-to/update.md")
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
    """If both changed the same lines, both are in the file; git refuses to commit before they are resolved."""
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


def assert_ignored_file_is_kept(upstream: BaseProject, shop: MadeProject) -> None:
    """Assert that a new file of the base project does not replace a file that git ignores."""
    (upstream.folder / "tools").mkdir()
    (upstream.folder / "tools/x.txt").write_text("theirs\n")
    upstream.commit("Add a tool")
    append(shop.folder / ".git/info/exclude", "/tools/\n")
    (shop.folder / "tools").mkdir()
    (shop.folder / "tools/x.txt").write_text("ours\n")
    refused(shop, saying="where yours are, which git ignores: tools/x.txt")
    assert read_in(shop, "tools/x.txt") == "ours\n"


def test_refused(upstream: BaseProject, shop: MadeProject, tmp_path: Path) -> None:
    """Uncommitted work, an unknown version, a missing base project, lost answers: reported, and nothing is changed."""
    (shop.folder / "new.txt").touch()
    refused(shop, saying="not committed: new.txt")
    (shop.folder / "new.txt").unlink()
    (shop.folder / ".git").rename(tmp_path / "history")
    refused(shop, saying="no git repository with a commit")
    (tmp_path / "history").rename(shop.folder / ".git")
    refused(shop, "--to", "v99", saying="has no version v99")
    refused(shop, "--from", str(tmp_path / "nowhere"), saying="--from ADDRESS-OR-FOLDER")
    assert_ignored_file_is_kept(upstream, shop)
    (shop.folder / ".copier-answers.yml").write_text("half {")
    shop.commit("Break the answers")
    refused(shop, saying="git checkout -- .copier-answers.yml")
    (shop.folder / ".copier-answers.yml").unlink()
    shop.commit("Lose the answers")
    refused(shop, saying="was not made from the base project")


def release(upstream: BaseProject, version: str) -> str:
    """Let the base project set its version; return the commit."""
    file = upstream.folder / "library/pyproject.toml"
    file.write_text(re.sub('(?m)^version = ".*"', f'version = "{version}"', file.read_text()))
    return upstream.commit(f"Release {version}")


@pytest.mark.slow
def test_a_release_is_found_without_its_tag(upstream: BaseProject, shop: MadeProject) -> None:
    """--to 1.7 is the commit that last set that version; an unknown version is refused, and known ones are named."""
    release(upstream, "1.7.0")
    release(upstream, "1.7.1.dev0")
    commit = release(upstream, "1.7.0")
    append(upstream.folder / "library/pyproject.toml", "# More.\n")
    upstream.commit("Change something else there")
    release(upstream, "2.0.0")
    improve(upstream)

    refused(shop, "--to", "1.8", saying=", 1.7.0, 2.0.0.")
    result = shop.update("--to", "1.7")

    assert result.returncode == 0, result.stderr
    assert json.loads(read_in(shop, ".copier-answers.yml"))["_commit"] == commit


def test_a_tag_of_a_release_goes_first(upstream: BaseProject, shop: MadeProject) -> None:
    """A tag v1.7.0 is that release, whichever commit set the version."""
    release(upstream, "1.7.0")
    tagged = improve(upstream)
    git(upstream.folder, "tag", "v1.7.0")
    assert shop.update("--to", "1.7").returncode == 0
    assert json.loads(read_in(shop, ".copier-answers.yml"))["_commit"] == tagged


def test_ctrl_c_amid_the_change_of_files_leaves_no_half(upstream: BaseProject, shop: MadeProject) -> None:
    """The files are changed in a moment; Ctrl-C in that moment is too late, and the output does not say otherwise."""
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


def test_killed_amid_the_change_of_files(upstream: BaseProject, shop: MadeProject) -> None:
    """After kill -9, or a power failure, the next update says how to undo the half, and then brings all of it."""
    improve(upstream)
    before = git(shop.folder, "rev-parse", "HEAD")
    (shop.folder / ".git/info").mkdir(exist_ok=True)
    attributes = shop.folder / ".git/info/attributes"  # git runs the filter when it writes the file
    attributes.write_text("web/pages/improvement.py filter=kill\n")
    git(shop.folder, "config", "filter.kill.smudge", 'kill -9 "$(ps -o ppid= -p "$PPID")" "$PPID"; cat')
    result = shop.update()
    assert result.returncode == -signal.SIGKILL
    assert git(shop.folder, "status", "--porcelain") != ""
    attributes.unlink()

    refused(shop, saying="an earlier update was ended while it changed files")
    (take_back,) = re.findall("then run this again: (.*)", shop.update().stderr)
    assert shop.run("bash", "-c", take_back).returncode == 0
    assert git(shop.folder, "status", "--porcelain") == ""
    assert git(shop.folder, "rev-parse", "HEAD") == before
    assert shop.update().returncode == 0
    assert (shop.folder / "web/pages/improvement.py").exists()
    shop.commit("Update")
    assert "Up to date" in shop.update().stdout


def test_failure_amid_the_change_of_files_is_reported(upstream: BaseProject, shop: MadeProject) -> None:
    """If git stops between two files, the message says how to undo it, not that nothing was changed."""
    improve(upstream)
    (shop.folder / ".git/info").mkdir(exist_ok=True)
    (shop.folder / ".git/info/attributes").write_text("web/pages/improvement.py filter=fail\n")
    git(shop.folder, "config", "filter.fail.clean", "cat")
    git(shop.folder, "config", "filter.fail.smudge", "false")
    git(shop.folder, "config", "filter.fail.required", "true")
    result = shop.update()
    assert result.returncode == 1
    assert "Stopped half way: git read-tree" in result.stderr
    assert "git reset --hard" in result.stderr


def test_failure_before_the_change_of_files_is_reported(upstream: BaseProject, shop: MadeProject) -> None:
    """If git stops before it writes, there is nothing to undo."""
    improve(upstream)
    (shop.folder / ".git/index.lock").touch()
    result = shop.update()
    assert result.returncode == 1
    assert "Stopped, nothing was changed: git read-tree" in result.stderr
    assert "git reset --hard" not in result.stderr
    (shop.folder / ".git/index.lock").unlink()
    assert shop.update().returncode == 0


@pytest.mark.slow
def test_a_relative_folder_is_where_the_person_is(upstream: BaseProject, shop: MadeProject, tmp_path: Path) -> None:
    """`--from ../base` is beside the current folder; its whole path is remembered, so that the next update finds it."""
    commit = improve(upstream)
    (shop.folder / "docs").mkdir(exist_ok=True)
    result = run("../bedplate", "update", "--from", "../../base", folder=shop.folder / "docs")
    assert result.returncode == 0, result.stderr
    answers = json.loads(read_in(shop, ".copier-answers.yml"))
    assert (answers["_src_path"], answers["_commit"]) == (str(upstream.folder), commit)
    shop.commit("Update")
    refused(shop, "--from", "../nowhere", saying=f"cannot be fetched from {tmp_path}/nowhere")


@pytest.mark.slow
def test_a_remembered_relative_folder_is_beside_the_project(upstream: BaseProject, shop: MadeProject) -> None:
    """Earlier versions recorded it so."""
    replace(shop.folder / ".copier-answers.yml", str(upstream.folder), "../base")
    shop.commit("A relative address")
    improve(upstream)
    result = run("../bedplate", "update", folder=shop.folder / "docs")
    assert result.returncode == 0, result.stderr
    assert str(upstream.folder) in read_in(shop, ".copier-answers.yml")


def test_moved_base_project_is_remembered(upstream: BaseProject, shop: MadeProject, tmp_path: Path) -> None:
    """The next update uses the address of --from, too."""
    moved = tmp_path / "moved"
    upstream.folder.rename(moved)
    moved_base = BaseProject(moved)
    improve(moved_base)
    assert shop.update("--from", str(moved)).returncode == 0
    shop.commit("Update")
    assert "Up to date" in shop.update().stdout
