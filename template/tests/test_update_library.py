"""`./bedplate update`: files of the base project alone, moved files, compiled files."""

import os
import re
from pathlib import Path

import pytest
from base_project import BaseProject, MadeProject, git, run
from team import append
from updating import improve, read_in

LIBRARY = "library/src/bedplate"
HASHES = "library/SHA256SUMS"


def test_changed_here_and_removed_there(upstream: BaseProject, shop: MadeProject) -> None:
    """A file that the team changed stays, though the base project has removed it, and is named."""
    append(shop.folder / "web/pages/views.py", "# ours\n")
    shop.commit("Ours")
    (upstream.folder / "web/pages/views.py").unlink()
    upstream.commit("Theirs")
    result = shop.update()
    assert result.returncode == 0
    assert "removed by the base project; they stay:\n  web/pages/views.py" in result.stdout
    assert (shop.folder / "web/pages/views.py").read_text().endswith("# ours\n")


def test_changes_follow_moved_files_new_files_do_not(upstream: BaseProject, shop: MadeProject) -> None:
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


@pytest.mark.slow
def test_a_change_of_a_moved_file_is_named(upstream: BaseProject, shop: MadeProject) -> None:
    """A team's change in a file that moves into the library follows it there, and both names are printed."""
    append(shop.folder / "web/pages/views.py", "\n# The team's\n")
    shop.commit("What a team does")
    git(upstream.folder, "mv", "web/pages/views.py", f"{LIBRARY}/views.py")
    upstream.commit("Move")

    result = shop.update()

    assert result.returncode == 0, result.stderr
    assert f"your change is in the new place:\n  web/pages/views.py → {LIBRARY}/views.py\n" in result.stdout
    assert read_in(shop, f"{LIBRARY}/views.py").endswith("# The team's\n")


@pytest.mark.slow
def test_a_renamed_app_gets_its_changes(upstream: BaseProject, shop: MadeProject) -> None:
    """A team that renamed an app gets what changed in its files there, and loses nothing."""
    git(shop.folder, "mv", "web/pages", "web/catalog")
    shop.commit("Rename an app")
    append(upstream.folder / "web/pages/views.py", "\n# Newer.\n")
    upstream.commit("Go on")
    result = shop.update()
    assert result.returncode == 0, result.stdout + result.stderr
    assert read_in(shop, "web/catalog/views.py").endswith("# Newer.\n")
    assert not (shop.folder / "web/pages").exists()


def test_the_library_equals_the_releases(upstream: BaseProject, shop: MadeProject, tmp_path: Path) -> None:
    """If the team changed nothing in it, it is byte for byte a new project's; nothing of it is merged."""
    append(upstream.folder / f"{LIBRARY}/environment.py", "# Newer.\n")
    (upstream.folder / f"{LIBRARY}/testing/fake_gcs.py").unlink()
    (upstream.folder / f"{LIBRARY}/newer.py").write_text('"""Newer."""\n')
    upstream.commit("Go on")

    result = shop.update()
    assert result.returncode == 0, result.stderr
    assert "Changed by you" not in result.stdout
    new = upstream.make(tmp_path / "new", name="Shop")

    git(shop.folder, "add", "--all")
    trees = [git(project.folder, "write-tree", "--prefix=library/") for project in (shop, new)]
    assert trees[0] == trees[1]


def test_a_teams_changes_in_the_library_are_named_before_and_after(upstream: BaseProject, shop: MadeProject) -> None:
    """Its changes and new files are kept; a file that it removed comes back, in the newer version."""
    append(shop.folder / f"{LIBRARY}/environment.py", "# The team's\n")
    (shop.folder / f"{LIBRARY}/shop.py").write_text('"""Ours."""\n')
    (shop.folder / f"{LIBRARY}/backup/retention.py").unlink()
    (shop.folder / f"{LIBRARY}/backup/names.py").unlink()
    shop.commit("What a team should not do")
    append(upstream.folder / f"{LIBRARY}/backup/names.py", "# Newer.\n")
    upstream.commit("Go on")

    dry = shop.update("--dry-run")
    result = shop.update()

    assert result.returncode == 0, result.stderr
    back = f"they come back:\n  {LIBRARY}/backup/names.py\n  {LIBRARY}/backup/retention.py\n"
    kept = f"your change is kept:\n  {LIBRARY}/environment.py\n  {LIBRARY}/shop.py\n"
    assert all(text in said for text in (back, kept) for said in (dry.stdout, result.stdout))
    after = result.stdout.partition("Done.")[2]
    assert f"your change is kept: {LIBRARY}/environment.py {LIBRARY}/shop.py\n" in after
    assert read_in(shop, f"{LIBRARY}/environment.py").endswith("# The team's\n")
    assert read_in(shop, f"{LIBRARY}/shop.py") == '"""Ours."""\n'
    assert read_in(shop, f"{LIBRARY}/backup/names.py").endswith("# Newer.\n")
    assert (shop.folder / f"{LIBRARY}/backup/retention.py").exists()


def test_files_removed_before_they_moved_into_the_library_come_back(upstream: BaseProject, shop: MadeProject) -> None:
    """Nothing may be missing in the library, not even a file that the team removed before it moved."""
    (shop.folder / "web/pages/views.py").unlink()
    shop.commit("Ours")
    (upstream.folder / "web/pages/views.py").rename(upstream.folder / f"{LIBRARY}/views.py")
    upstream.commit("Go on")

    result = shop.update()

    assert result.returncode == 0, result.stderr
    assert f"they come back:\n  {LIBRARY}/views.py\n" in result.stdout
    assert (shop.folder / f"{LIBRARY}/views.py").exists()
    assert not (shop.folder / "web/pages/views.py").exists()


def test_missing_library_files_come_back_without_a_new_version(shop: MadeProject) -> None:
    """A file that an earlier update left out, or that the team removed, comes back, even without a newer version."""
    (shop.folder / f"{LIBRARY}/backup/names.py").unlink()
    shop.commit("Gone")

    result = shop.update()

    assert result.returncode == 0, result.stderr
    assert f"they come back:\n  {LIBRARY}/backup/names.py\n" in result.stdout
    assert (shop.folder / f"{LIBRARY}/backup/names.py").exists()
    shop.commit("Back")
    assert "Up to date" in shop.update().stdout


@pytest.mark.slow
def test_the_same_lines_of_the_library_are_marked(upstream: BaseProject, shop: MadeProject) -> None:
    """A team's change in the library is not lost if the base project changed the same lines."""
    for project, who in ((shop, "the team"), (upstream, "the base project")):
        append(project.folder / f"{LIBRARY}/environment.py", f"# Of {who}.\n")
        project.commit("A change")
    assert shop.update().returncode == 3
    marked = read_in(shop, f"{LIBRARY}/environment.py")
    assert "# Of the team." in marked
    assert "# Of the base project." in marked


def test_lock_files_are_compiled_again(upstream: BaseProject, shop: MadeProject, tmp_path: Path) -> None:
    """If both added packages, the base project's lock file is compiled with the team's packages: no marks."""
    for project, package in ((shop, "ours"), (upstream, "theirs")):
        append(project.folder / "web/requirements.txt", f"{package}==1\n")
        project.commit("A package")
    uv = tmp_path / "bin/uv"
    uv.parent.mkdir()

    def update_with(script: str) -> str:
        uv.write_text(f"#!/bin/sh\n{script}\n")
        uv.chmod(0o755)
        result = run("./bedplate", "update", folder=shop.folder, PATH=f"{uv.parent}:{os.environ['PATH']}")
        assert result.returncode == 0, result.stderr
        assert "compiled again with your packages:\n  web/requirements.txt" in result.stdout
        return result.stdout

    said = update_with("echo error: no connection >&2; exit 1")
    assert "Without your packages until you run: (cd web && ./lock.sh)   # error: no connection" in said
    git(shop.folder, "reset", "--hard", "--quiet")
    said = update_with('until [ "$1" = --output-file ]; do shift; done; echo "# compiled" >>"$2"')
    assert "until you run" not in said
    lines = read_in(shop, "web/requirements.txt").splitlines()
    assert lines[-2] == "theirs==1"
    assert lines[-1] == "# compiled"
    assert read_in(shop, "web/requirements-dev.txt").endswith("# compiled\n")  # with the others
    assert git(shop.folder, "diff", "--name-only") == ""


def test_a_project_names_its_teams_changes_in_the_library(shop: MadeProject) -> None:
    """./run_tests.sh names it, and passes; without a change it says nothing."""

    def said() -> str:
        (command,) = re.findall(
            "PYTHONPATH=library/src (python .*library_hashes)", read_in(shop, "library/src/bedplate/host/cli/tests.py")
        )
        return shop.run("env", "PYTHONPATH=library/src", *command.split()).stdout

    assert said() == ""
    append(shop.folder / f"{LIBRARY}/environment.py", "# The team's\n")
    (shop.folder / f"{LIBRARY}/shop.py").touch()
    (shop.folder / f"{LIBRARY}/backup/retention.py").unlink()
    names = (
        "removed  src/bedplate/backup/retention.py",
        "changed  src/bedplate/environment.py",
        "new      src/bedplate/shop.py",
    )
    assert "\n".join(names) in said()


@pytest.mark.slow
def test_a_project_without_the_list_of_hashes_gets_it(upstream: BaseProject, shop: MadeProject) -> None:
    """Like a project made before there was a list; it names nothing that the team did not do."""
    (shop.folder / HASHES).unlink()
    shop.commit("As made earlier")
    improve(upstream)
    result = shop.update()
    assert result.returncode == 0, result.stderr
    assert "come back" not in result.stdout
    assert (shop.folder / HASHES).exists()
