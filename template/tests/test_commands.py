"""Tests that run the commands of the pages. A block of `sh` is run, one of `console` cannot be."""

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import pytest
from base_project import git
from bedplate.testing.checkout import ROOT
from documents import commands_of

ALL: Final = "*"  # sections that are not named themselves
HOW_TO: Final = "library/docs/how-to/"
# The tests that read the commands of a page's section. The part before the first section has no name.
RUN_BY: Final = {
    "README_install_base_project.md": {
        "What `./install_docker.sh` does, by hand": "library/tests/system/stack/test_install_docker.py",
        ALL: "template/tests/test_readme_install.py",
    },
    f"{HOW_TO}first-feature.md": {ALL: "template/tests/test_additions.py"},
    f"{HOW_TO}htmx.md": {ALL: "template/tests/test_additions.py"},
    f"{HOW_TO}add-an-app.md": {ALL: "template/tests/test_additions.py"},
    f"{HOW_TO}add-a-background-task.md": {ALL: "template/tests/test_additions.py"},
    f"{HOW_TO}add-a-cron-task.md": {"": "template/tests/test_additions.py library/tests/system/stack/test_cron.py"},
    f"{HOW_TO}add-a-language.md": {ALL: "template/tests/test_additions.py"},
    f"{HOW_TO}add-a-secret.md": {ALL: "template/tests/test_additions.py"},
    f"{HOW_TO}add-a-service.md": {ALL: "template/tests/test_additions.py"},
    f"{HOW_TO}add-a-setting.md": {ALL: "template/tests/test_additions.py"},
    f"{HOW_TO}authenticate-google-storage.md": {
        "A service account's key": "library/tests/system/stack/test_google_storage.py",
        "Try it without Google": "library/tests/system/test_google_storage_options.py",
    },
    f"{HOW_TO}backups.md": {
        "": "library/tests/system/stack/test_google_storage.py",
        "The server is gone, and its backups are encrypted": "library/tests/system/stack/test_emergency_restore.py",
        "PostgreSQL's role is no superuser": "library/tests/system/stack/test_roles.py",
        "When production is damaged": "library/tests/system/stack/test_damaged_production.py",
    },
    f"{HOW_TO}behind-a-proxy.md": {"": "library/tests/system/stack/test_clients.py"},
    f"{HOW_TO}bucket-accounts.md": {
        "Prune on another machine": "library/tests/backup/test_bucket_accounts.py",
        "Check it": "library/tests/backup/test_check_bucket.py",
    },
    f"{HOW_TO}certificates.md": {ALL: "library/tests/system/stack/test_certificates.py"},
    f"{HOW_TO}deploy-and-roll-back.md": {
        "": "library/tests/system/stack/test_deploy.py",
        "Roll back": "library/tests/system/stack/test_deploy.py library/tests/system/stack/test_interruptions.py",
        "Restart": "library/tests/system/stack/test_deploy.py",
    },
    f"{HOW_TO}first-server.md": {
        "": "library/tests/system/stack/test_deploy.py",
        ALL: "library/tests/system/stack/test_prod.py",
    },
    f"{HOW_TO}hand-over.md": {
        "": "library/tests/system/test_archive_command.py library/tests/system/stack/test_archive.py"
    },
    f"{HOW_TO}local-names.md": {"Remove it": "library/tests/system/stack/test_proxy_pass.py"},
    f"{HOW_TO}managed-postgresql.md": {
        "Its role and database": "library/tests/system/stack/test_managed_how_to.py",
        "A new PROD": "library/tests/system/test_managed_install.py",
        "A PROD that has data": "library/tests/system/stack/test_managed_how_to.py",
        "Another password": "library/tests/system/stack/test_managed_how_to.py",
        "Back to a database of the project's own": "library/tests/system/stack/test_managed_how_to.py",
    },
    f"{HOW_TO}remove-backups.md": {ALL: "template/tests/test_removals.py"},
    f"{HOW_TO}remove-certificates.md": {ALL: "template/tests/test_removals.py"},
    f"{HOW_TO}remove-embedded-mode.md": {ALL: "template/tests/test_removals.py"},
    f"{HOW_TO}remove-flower.md": {ALL: "template/tests/test_removals.py"},
    f"{HOW_TO}remove-french.md": {ALL: "template/tests/test_removals.py"},
    f"{HOW_TO}remove-the-examples.md": {ALL: "template/tests/test_removals.py"},
    f"{HOW_TO}remove-the-api.md": {ALL: "template/tests/test_removals.py"},
    f"{HOW_TO}remove-the-frontend.md": {ALL: "template/tests/test_removals.py"},
    f"{HOW_TO}remove-the-proxy.md": {ALL: "template/tests/test_removals.py"},
    f"{HOW_TO}rotate-a-secret.md": {ALL: "library/tests/system/stack/test_rotate_secret.py"},
    f"{HOW_TO}several-machines.md": {ALL: "library/tests/system/stack/swarm/site.py"},
    f"{HOW_TO}rebuild-indexes.md": {"": "library/tests/system/stack/test_health.py"},
    f"{HOW_TO}uploads-in-a-bucket.md": {
        "Move existing uploads, and back": "library/tests/system/stack/test_uploads_in_a_bucket.py"
    },
    f"{HOW_TO}update.md": {"": "template/tests/test_update.py"},
}
# Pages whose other commands are in those above too, perhaps with more options there; and the tests of the rest.
REPEAT: Final = ("README.md", "docs/CONTRIBUTING.md", f"{HOW_TO}local-names.md")
RUN_ELSEWHERE: Final = {
    "./run_tests.sh": ".ci/run",
    "./run_tests.sh fast": "template/tests/base_project.py",
    "git config core.hooksPath .githooks": "library/tests/system/test_contributing.py",
}
# Commands that no test can run, with the reason.
CANNOT_RUN: Final = {
    f"{HOW_TO}authenticate-google-storage.md": "`gcloud` acts on an account at Google",
    f"{HOW_TO}bucket-accounts.md": "`gcloud` acts on an account at Google",
    f"{HOW_TO}uploads-in-a-bucket.md": "`gcloud` acts on an account at Google",
    f"{HOW_TO}managed-postgresql.md": "`gcloud` and `aws` act on accounts there; a container stands in",
}

PAGES: Final = [
    name for name in git(ROOT, "ls-files", "-co", "--exclude-standard", "*.md").split() if (ROOT / name).exists()
]


def sections_of(page: str, language: str) -> list[str]:
    """Return the sections of a page that have a block in this language."""
    parts = re.split(r"^## (.+)\n", f"## \n{(ROOT / page).read_text()}", flags=re.MULTILINE)
    titles, texts = ["", *parts[1::2]], parts[0::2]
    return [
        title for title, text in zip(titles, texts, strict=True) if re.search(rf"^ *```{language}$", text, re.MULTILINE)
    ]


def words_of(blocks: list[str]) -> list[list[str]]:
    """Return the words of each command, without comments."""
    return [line.partition(" #")[0].split() for block in blocks for line in block.splitlines()]


def reads(test: str, page: str) -> bool:
    """Return whether a test, or a module that it imports, names the page; a pattern will do."""
    text = (ROOT / test).read_text()
    imported = re.findall(r"^from ([\w.]+) import", text, re.MULTILINE)
    paths = [
        ROOT / folder / f"{name.replace('.', '/')}.py"
        for name in imported
        for folder in ("library/tests/system", "template/tests")
    ]
    texts = [text, *(path.read_text() for path in paths if path.exists())]
    return any(fnmatch(Path(page).name, name) for text in texts for name in re.findall(r"[\w*-]+\.md", text))


@pytest.mark.parametrize("page", PAGES)
def test_each_block_is_claimed(page: str) -> None:
    """A test runs it, or it repeats one that is run; or it is `console`, and there is a reason."""
    run_by, shown = RUN_BY.get(page, {}), sections_of(page, "sh")
    if ALL not in run_by and page not in REPEAT:
        assert set(shown) <= set(run_by), "no test runs the commands of a section"
    assert set(run_by) - {ALL} <= set(shown), "a section of the table has no commands"
    assert bool(sections_of(page, "console")) == (page in CANNOT_RUN)
    assert sections_of(page, r"(bash|shell|shell-session)(?!\n#!)") == []  # a script begins with #!


@pytest.mark.parametrize(("page", "tests"), [(page, test) for page, tests in RUN_BY.items() for test in tests.values()])
def test_each_test_reads_its_page(page: str, tests: str) -> None:
    """It cannot run other commands than the page's."""
    for test in tests.split():
        assert reads(test, page), f"{test} does not name {page}"


@pytest.mark.parametrize("page", REPEAT)
def test_repeated_commands_are_tested_elsewhere(page: str) -> None:
    """A summary has no additional command, and no additional option."""
    here = [block for section in RUN_BY.get(page, {}) for block in commands_of(ROOT / page, section=section)]
    run = words_of([block for other in RUN_BY if other != page for block in commands_of(ROOT / other)])
    for words in words_of([block for block in commands_of(ROOT / page) if block not in here]):
        if place := RUN_ELSEWHERE.get(" ".join(words)):
            assert " ".join(words[:2]) in (ROOT / place).read_text()
        else:
            assert words in [other[: len(words)] for other in run]
