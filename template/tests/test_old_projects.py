"""Projects of older versions, with a team's changes, are updated to the newest version, by way of 1.0."""

import re
from pathlib import Path

import pytest
from base_project import BaseProject, MadeProject, git
from bedplate.host.project_template.git import Repository
from bedplate.host.project_template.releases import commit_of
from bedplate.testing.checkout import ROOT
from team import assert_kept, change, decide

# The first that could make a project, and a later one.
OLD = {
    "the first": "7b13f80669cb37b135b2387f0a91e3b46ad456ef",
    "with uploads": "d48efe4a6598c8180ce6f0f4177a8dd96691b6b5",
}

# The version that they are updated to first: its code can do all later updates (copier.yml names it).
FIRST_RELEASE = "8d842b7abf6d59bcbd66b1b93acb609207fc2ed6"


@pytest.fixture(autouse=True)
def whole_history() -> None:
    """Skip if the older versions were not cloned: no project of them can be made."""
    if git(ROOT, "rev-parse", "--is-shallow-repository").strip() == "true":
        pytest.skip("this clone is shallow; to test older projects: git fetch --unshallow")


def refused_at_once(project: MadeProject) -> list[str]:
    """Fail unless the newest version is refused and nothing is changed; return the options that the message names."""
    result = project.update("--yes")
    assert result.returncode == 1
    assert "nothing was changed" in result.stderr
    assert git(project.folder, "status", "--porcelain") == ""
    (options,) = re.findall(r"To 1.0: ./update_project.sh (.*)", result.stderr)
    assert options == f"--to {FIRST_RELEASE}"
    return str(options).split()


def test_1_0_is_the_commit_that_older_projects_go_to_first() -> None:
    """The name and the commit in copier.yml are the same version."""
    assert commit_of(Repository(ROOT), "1.0") == FIRST_RELEASE
    assert f"--to {FIRST_RELEASE}" in (ROOT / "copier.yml").read_text()


def test_releases_follow_one_another(base: BaseProject, tmp_path: Path) -> None:
    """From 1.1 to 1.2, in which the earlier name of the command says the present one, and from there to the newest."""
    project = base.make_as_of(str(commit_of(Repository(ROOT), "1.1")), tmp_path)
    change(project)
    for options in (["--to", "1.2"], ["--yes"]):
        result = project.run("./update_project.sh", *options)
        assert result.returncode in {0, 3}, result.stdout + result.stderr
        assert ("is now ./bedplate update" in result.stderr) == (options == ["--yes"])
        decide(project)
        assert_kept(project)
        project.commit("Update")
    assert "Up to date" in project.update().stdout


@pytest.mark.parametrize("version", [pytest.param("the first", marks=pytest.mark.slow), "with uploads"])
def test_it_updates_to_the_newest_version(base: BaseProject, tmp_path: Path, version: str) -> None:
    """All changes of the team and of the base project are there or marked; a second update does nothing."""
    project = base.make_as_of(OLD[version], tmp_path)
    change(project)
    to_first_release = refused_at_once(project)
    for options in (to_first_release, ["--yes"]):
        result = project.update(*options)
        assert result.returncode in {0, 3}, result.stdout + result.stderr
        decide(project)
        assert_kept(project)
        project.commit("Update")
    new = base.make(tmp_path / "new", name="Shop")
    assert [path for path in new.files() if not (project.folder / path).exists()] == [
        Path("nginx/snippets/flower.conf")
    ]
    assert "Up to date" in project.update().stdout
    if version == "the first":
        tests = project.test_fast()
        assert tests.returncode == 0, tests.stdout[-6000:] + tests.stderr[-2000:]
