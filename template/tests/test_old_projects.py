"""Projects of older versions of the base project, with a team's changes, come up to the newest."""

from pathlib import Path

import pytest
from base_project import BaseProject, git
from checkout import ROOT
from team import assert_kept, change, decide

# The first that could make a project, and two later ones.
OLD = {
    "the first": "7b13f80669cb37b135b2387f0a91e3b46ad456ef",
    "before uploads": "801fc12322764a2d72f118baf3cb314411749abf",
    "with uploads": "d48efe4a6598c8180ce6f0f4177a8dd96691b6b5",
}


@pytest.fixture(autouse=True)
def whole_history() -> None:
    """Skip where the older versions were not cloned: nobody can make projects of them there."""
    if git(ROOT, "rev-parse", "--is-shallow-repository").strip() == "true":
        pytest.skip("this clone is shallow; to test older projects: git fetch --unshallow")


@pytest.mark.parametrize("version", OLD)
def test_it_comes_up_to_the_newest(base: BaseProject, tmp_path: Path, version: str) -> None:
    """The team's changes are all there or marked, so are the base project's; a second update does nothing."""
    project = base.make_as_of(OLD[version], tmp_path)
    change(project)
    result = project.update("--yes")
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
