"""Checks of a team's work: the hook before a commit, and the CI of three hosts."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from bedplate.testing.checkout import ROOT, copy_checkout

CI_FILES = (".github/workflows/ci.yml", ".gitlab-ci.yml", "bitbucket-pipelines.yml")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a committed copy of this checkout, with the hook enabled as docs/CONTRIBUTING.md says."""
    folder = copy_checkout(tmp_path_factory.mktemp("hook") / "a project")
    (folder / ".venv").symlink_to(Path(sys.prefix))
    with (folder / ".gitignore").open("a") as ignored:  # it names folders, not links
        ignored.write(".venv\n")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    assert git(folder, "commit", "--quiet", "--no-verify", "--message", "All of it").returncode == 0
    (switch,) = re.findall(r"^git config .*hooksPath \S+", (folder / "docs/CONTRIBUTING.md").read_text(), re.MULTILINE)
    subprocess.run(["bash", "-ec", switch], cwd=folder, check=True)
    return folder


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return the result of git, run without a network."""
    identity = ("-c", "user.name=Tester", "-c", "user.email=tester@example.com")
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    return subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        env={**os.environ, **nowhere},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("path", "text", "saying"),
    [
        ("web/pages/new.py", '"""New."""\n\nimport os\n', "`os` imported but unused"),
        ("web/pages/new.py", '"""New."""\n\nnames = [ "a" ]\n', "new.py"),
        ("library/nginx/new.sh", "#!/usr/bin/env bash\nls $1\n", "SC2086"),
        ("library/nginx/new.sh", "#!/usr/bin/env bash\nif true; then\n      ls\nfi\n", "new.sh"),
        ("nginx/Dockerfile", "FROM nginx:1.30\nRUN cd /tmp\n", "DL3003"),
        ("new.yml", "a:   1\n", "too many spaces"),
        ("web/templates/new.html", "<img>\n", "new.html"),
        ("new.txt", "a line \n", "trailing whitespace"),
        ("new.txt", "<<<<<<< YOURS\na\n=======\nb\n>>>>>>> BASE_PROJECT\n", "Resolve the conflict between"),
    ],
)
def test_hook_refuses_findings_of_linters(checkout: Path, path: str, text: str, saying: str) -> None:
    """The file is named, with what is wrong; nothing is committed."""
    before = git(checkout, "rev-parse", "HEAD").stdout
    (checkout / path).write_text(text)
    try:
        git(checkout, "add", path)
        result = git(checkout, "commit", "--quiet", "--message", "Wrong")
        assert result.returncode == 1
        assert saying in result.stdout + result.stderr
        assert git(checkout, "rev-parse", "HEAD").stdout == before
    finally:
        git(checkout, "reset", "--quiet", "--hard")


def test_hook_checks_staged_changes_only(checkout: Path) -> None:
    """Changes that are not part of the commit do not count, and a clean file can be committed, removals too."""
    (checkout / "web/pages/unfinished.py").write_text("import os")
    (checkout / "web/pages/new.py").write_text('"""New."""\n')
    git(checkout, "add", "web/pages/new.py")
    git(checkout, "rm", "--quiet", "web/pages/tests/test_every_page.py")
    result = git(checkout, "commit", "--quiet", "--message", "Right")
    assert result.returncode == 0, result.stdout + result.stderr
    assert git(checkout, "show", "--format=", "--name-only").stdout.split() == [
        "web/pages/new.py",
        "web/pages/tests/test_every_page.py",
    ]


def test_hook_without_linters_says_how_to_get_them(checkout: Path) -> None:
    """A fresh clone has none; the message says how to install them."""
    (checkout / ".venv").unlink()
    try:
        result = git(checkout, "commit", "--quiet", "--allow-empty", "--message", "Early")
        assert (result.returncode, "./run_tests.sh fast" in result.stderr) == (1, True)
    finally:
        (checkout / ".venv").symlink_to(Path(sys.prefix))


@pytest.mark.parametrize("name", CI_FILES)
def test_ci_runs_the_test_command(name: str) -> None:
    """Each host's file calls the one script, which is the README's test command."""
    assert re.search(r"(run|script): \[?\.ci/run", (ROOT / name).read_text())
    assert "./run_tests.sh" in (ROOT / ".ci/run").read_text()
    assert "./run_tests.sh" in (ROOT / "README.md").read_text()


def test_commands_for_contributors_exist() -> None:
    """The commands that docs/CONTRIBUTING.md and AGENTS.md name exist."""
    for name in ("docs/CONTRIBUTING.md", "AGENTS.md"):
        for script in set(re.findall(r"(?<![\w/])(?:\./|web/)[a-z_]+\.sh", (ROOT / name).read_text())):
            assert os.access(ROOT / script, os.X_OK), script
