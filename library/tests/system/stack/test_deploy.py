"""./bedplate deploy under load: good releases and bad ones, interruptions, and rollbacks."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from bedplate.testing.checkout import ROOT, commit, copy_checkout
from bedplate.testing.compose import attempt, run, wait_until
from bedplate.testing.server import Server, running
from documents import commands_of

from stack.conftest import Report
from stack.editing import appended, edited, replaced
from stack.fault_injection import stop_in_step
from stack.first_server import clone
from stack.traffic import Traffic

pytestmark = pytest.mark.stack

HOW_TO: Final = ROOT / "library/docs/how-to/deploy-and-roll-back.md"
SMALLEST_TRAFFIC = 5000  # requests


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a team's repository."""
    folder = copy_checkout(tmp_path_factory.mktemp("deploy") / "repository")
    commit(folder)
    return folder


@pytest.fixture(scope="module")
def site(repository: Path) -> Iterator[Server]:
    """Yield a separate PROD, just cloned and installed."""
    with running("prod", repository.parent / "site", fetch=partial(clone, repository)) as site:
        yield site


@pytest.fixture(scope="module")
def traffic(site: Server) -> Iterator[Traffic]:
    """Yield the load of clients during these tests."""
    with Traffic(site).running() as traffic:
        yield traffic


@pytest.fixture
def served(traffic: Traffic) -> Iterator[None]:
    """Fail the test if a client was not served meanwhile."""
    before = traffic.requests
    yield
    assert traffic.requests > before
    assert not traffic.failures


def deploy(site: Server, *options: str) -> subprocess.CompletedProcess[str]:
    """Return the result of ./bedplate deploy."""
    return attempt(site.directory / "bedplate", "deploy", "--yes", *options, directory=site.directory, limit=300)


def succeed(site: Server, *options: str) -> float:
    """Deploy; return the duration in seconds."""
    started = time.monotonic()
    result = deploy(site, *options)
    assert result.returncode == 0, result.stdout + result.stderr
    return time.monotonic() - started


def containers(site: Server) -> dict[str, Any]:
    """Return the identity of every container: its service and its id."""
    listed = site.compose("ps", "--all", "--format", "{{.Service}} {{.Name}} {{.ID}}").splitlines()
    return {line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in listed}


def webs(site: Server) -> list[str]:
    """Return the containers of web."""
    return [name for name in containers(site) if name.startswith("web ")]


def change(checkout: Path, text: str) -> None:
    """Make a new release of the checkout, whose pages have this text."""
    footer = checkout / "web/templates/footer.html"
    footer.write_text(f"{footer.read_text()}<!-- {text} -->\n")


def assert_nothing_changed(site: Server, before: dict[str, Any]) -> None:
    """Assert that the old release serves, and nothing of the new one is left."""
    assert containers(site) == before
    assert not (site.directory / ".env.release.new").exists()
    assert "web:8000 resolve fail_timeout" in site.exec("nginx", "sh", "-c", "cat /tmp/route.conf")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--rollback",), "there is nothing to go back to"),
        ((), "there is no store for the backup: BACKUP_URL in .env is empty"),
        (("--no-backup", "--pull", "latest"), "the release latest is the one that runs"),
        (("--no-backup", "--pull", "no-such-release"), "REGISTRY in .env is empty: it can be pulled from nowhere"),
    ],
)
def test_refusal(site: Server, options: tuple[str, ...], said: str) -> None:
    """An impossible deploy is refused before anything is changed."""
    before = containers(site)
    result = deploy(site, *options)
    assert result.returncode == 1
    assert "nothing was changed" in result.stderr
    assert said in result.stderr
    assert containers(site) == before


def test_deploy(site: Server, repository: Path, served: None, traffic: Traffic) -> None:
    """The team's commit takes over after a backup; `docker compose up` has nothing to do afterwards.

    A browser that has a page of the earlier release gets that page's files from nginx.
    """
    dotenv = site.directory / ".env"
    dotenv.write_text(dotenv.read_text().replace("BACKUP_URL=", "BACKUP_URL=file:///data/backups"))
    change(repository, "release 1")
    style = repository / "web/static/css/site.css"
    style.write_text(f"{style.read_text()}/* release 1 */\n")
    commit(repository)
    site.follow(commands_of(HOW_TO)[0])
    page = site.get("/").text
    assert "release 1" in page
    assert traffic.old_file not in page
    assert site.get(traffic.old_file).status == 200
    assert "/v1/" in site.exec("cron", "python", "-m", "bedplate.backup", "--list")
    after = containers(site)
    assert len(webs(site)) == 1
    site.compose("up", "--detach")
    assert containers(site) == after
    assert dotenv.stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_release_that_never_becomes_healthy(site: Server, served: None) -> None:
    """It gets no request, and is removed; the old one stays."""
    before = containers(site)
    with appended(site.directory / "web/config/wsgi.py", '\nraise RuntimeError("This release does not start")\n'):
        result = deploy(site, "--no-backup", "--wait", "10")
    assert result.returncode == 1
    assert "Failed: Start the new web beside the old" in result.stderr
    assert "This release does not start" in result.stderr
    assert_nothing_changed(site, before)


def test_release_whose_migration_fails(site: Server, served: None) -> None:
    """It is not started."""
    before = containers(site)
    migrations = site.directory / "web/users/migrations"
    latest = max(path.stem for path in migrations.glob("0*.py"))
    migration = migrations / "9999_broken.py"
    migration.write_text(
        "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
        f'    dependencies = [("users", "{latest}")]\n    operations = [migrations.RunSQL("SELECT 1 / 0")]\n'
    )
    result = deploy(site, "--no-backup")
    migration.unlink()
    assert result.returncode == 1
    assert "Failed: Migrate the database" in result.stderr
    assert "division by zero" in result.stderr
    assert_nothing_changed(site, before)


def test_release_whose_worker_does_not_start(site: Server, served: None) -> None:
    """The old one takes over again, even after requests reached the new one, and the old worker works."""
    before = containers(site)
    refusal = 'import os\nimport sys\n\nif "worker" in sys.argv:\n    sys.exit("No worker")\n'
    with replaced(site.directory / "web/config/celery.py", "import os\n", refusal):
        result = deploy(site, "--no-backup", "--wait", "30")
    assert result.returncode == 1
    assert "Failed: Replace the other services" in result.stderr
    after = containers(site)
    unchanged = ("web ", "nginx ", "postgres ", "valkey ", "cache ")
    assert {name: after[name] for name in after if name.startswith(unchanged)} == {
        name: before[name] for name in before if name.startswith(unchanged)
    }
    assert {name.split()[0] for name in after} == {name.split()[0] for name in before}
    site.compose("up", "--detach", "--wait")
    assert containers(site) == after


def assert_old_images_are_removed(site: Server) -> None:
    """Assert that there are the images of this release and of those for rollbacks, and no others."""
    images = set(run("docker", "image", "ls", "--format", "{{.Tag}}", f"{site.project}-web").split())
    assert images == {site.dotenv["RELEASE"], *site.dotenv["PREVIOUS_RELEASES"].split()}
    assert len(images) <= 3


def assert_disk_is_full(result: subprocess.CompletedProcess[str], *, step: str) -> None:
    """Assert that the deploy failed in this step, and gives the reason and what to do."""
    assert result.returncode == 1, result.stdout
    assert f"Failed: {step}" in result.stderr
    assert "Why:    the disk is full." in result.stderr
    assert "docker system df" in result.stderr


@pytest.mark.slow
def test_disk_is_full_for_the_images(site: Server, served: None) -> None:
    """Images for which the disk has no room are not used. `/dev/full` is always full."""
    before = containers(site)
    with appended(site.directory / "web/Dockerfile", "\nRUN dd if=/dev/zero of=/dev/full count=1\n"):
        result = deploy(site, "--no-backup")
    assert_disk_is_full(result, step="Build the images")
    assert_nothing_changed(site, before)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a disk that is too small")
def test_disk_is_full_for_the_backup(site: Server, served: None, tmp_path: Path) -> None:
    """Without its backup, the new release is not started."""
    before, dotenv = containers(site), site.directory / ".env"
    full = re.sub(r"(?m)^BACKUP_URL=.*$", f"BACKUP_URL=file://{tmp_path}", dotenv.read_text())
    run("mount", "-t", "tmpfs", "-o", "size=16k,mode=1777", "tmpfs", tmp_path)
    try:
        with edited(dotenv, full):
            result = deploy(site)
    finally:
        run("umount", tmp_path)
    assert_disk_is_full(result, step="Back up")
    assert_nothing_changed(site, before)


def deploy_unless_locked(site: Server) -> subprocess.CompletedProcess[str] | None:
    """Return the result of ./bedplate deploy; None while another one, or its last step, still runs."""
    result = deploy(site, "--no-backup")
    return None if "is running" in result.stderr else result


@pytest.mark.slow
def test_ctrl_c(site: Server, served: None, tmp_path: Path) -> None:
    """Interrupted while the new release already answers, it returns to the old one."""
    before = webs(site)
    assert stop_in_step(site, "[9/9]", signal.SIGINT, tmp_path / "console") == 130
    said = (tmp_path / "console").read_text()
    assert "Interrupted during" in said
    assert "done." in said
    assert webs(site) == before
    assert not (site.directory / ".env.release.new").exists()


def test_killed_deploy_can_be_run_again(site: Server, served: None, tmp_path: Path) -> None:
    """After kill -9 the same command cleans up and deploys."""
    assert stop_in_step(site, "[8/9]", signal.SIGKILL, tmp_path / "console") == -signal.SIGKILL
    assert len(webs(site)) == 2
    change(site.directory, "release 2")
    result = wait_until(lambda: deploy_unless_locked(site), limit=120, what="the killed step has ended")
    assert result
    assert result.returncode == 0, result.stderr
    assert len(webs(site)) == 1
    assert "release 2" in site.get("/").text
    assert_old_images_are_removed(site)


def test_rollback(site: Server, served: None) -> None:
    """The previous release serves again."""
    before = site.dotenv["PREVIOUS_RELEASES"].split()
    site.follow(commands_of(HOW_TO, section="Roll back")[0])
    assert [site.dotenv["RELEASE"], *site.dotenv["PREVIOUS_RELEASES"].split()] == before
    page = site.get("/").text
    assert "release 2" not in page
    assert "release 1" in page


def test_restart(site: Server, served: None) -> None:
    """Changes in `.env` take effect, in new containers of the same release."""
    before, dotenv = webs(site), site.directory / ".env"
    dotenv.write_text(re.sub(r"(?m)^PROJECT_NAME=.*$", "PROJECT_NAME=Restarted", dotenv.read_text()))
    site.follow(commands_of(HOW_TO, section="Restart")[0])
    assert webs(site) != before
    page = site.get("/").text
    assert "Restarted" in page
    assert "release 1" in page


@pytest.mark.slow
def test_unchanged_code(site: Server, served: None, report: Report) -> None:
    """It is a release like any other. Images older than those for rollbacks are removed."""
    seconds = succeed(site, "--no-backup")
    report(f"a deploy of unchanged code, under load: {seconds:.0f} s")
    assert_old_images_are_removed(site)


def test_nothing_was_dropped(site: Server, traffic: Traffic, report: Report) -> None:
    """During these tests every request was answered, and all written data is there."""
    wait_until(lambda: traffic.requests >= SMALLEST_TRAFFIC, limit=400, what=f"{SMALLEST_TRAFFIC} requests")
    traffic.stop()
    rows = int(site.query("select count(*) from operations_taskrun"))
    report(f"{traffic.requests} requests while releases came and went: {len(traffic.failures)} failed")
    assert not traffic.failures
    assert rows == traffic.written
