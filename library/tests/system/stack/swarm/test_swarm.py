"""PROD on three machines: installed, deployed under load, broken and brought back. The tests run in this order.

Half of them are in every run, in seven minutes; the others, and test_outages.py, in ./run_tests.sh slow.
"""

import time

import pytest
from bedplate.testing.compose import attempt, wait_until
from documents import commands_of

from stack.conftest import Report
from stack.swarm.nodes import Machine
from stack.swarm.site import EMAIL, FOLDER, HOW_TO, Site
from stack.traffic import Traffic

pytestmark = pytest.mark.stack

CRASHES = "RUN printf 'raise SystemExit(3)\\n' >config/wsgi.py"
BAD_MIGRATION = """
RUN cat >users/migrations/9999_fails.py <<'END'
from pathlib import Path
from django.db import migrations
def fail(apps, editor):
    raise ValueError("no such column")
class Migration(migrations.Migration):
    dependencies = [("users", sorted(file.stem for file in Path(__file__).parent.glob("0*.py"))[-1])]
    operations = [migrations.RunPython(fail)]
END
"""


def test_each_machine_serves_and_the_first_user_is_there(swarm: Site) -> None:
    for machine, found in swarm.machines.containers(swarm.service("nginx")).items():
        (nginx,) = found
        retries = machine.docker("exec", nginx, "cat", "/proc/sys/net/ipv4/tcp_retries2")
        assert retries.strip() == "5", machine.name  # so that it notices a machine without power
    assert swarm.sql("SELECT email FROM users_user") == EMAIL
    assert swarm.visitor().ask("/")[0] == 200


def test_a_deploy_under_load_drops_nothing(swarm: Site, traffic: Traffic, report: Report) -> None:
    nginx = swarm.machines.containers(swarm.service("nginx"))
    before = swarm.variable("RELEASE")
    started = time.monotonic()
    swarm.deploy("--pull", swarm.push("second"), "--no-backup")
    seconds = time.monotonic() - started
    traffic.stop()
    report(f"a deploy to three machines: {seconds:.0f} s, {traffic.requests} requests, failed: {traffic.failures}")
    assert traffic.failures == []
    assert traffic.written > 0
    assert swarm.sql("SELECT count(*) FROM operations_taskrun") == str(traffic.written)
    assert (before, swarm.variable("RELEASE")) == ("first", "second")
    assert swarm.machines.containers(swarm.service("nginx")) == nginx  # not replaced: it has not changed


def test_a_release_that_crashes_is_rolled_back(swarm: Site, traffic: Traffic) -> None:
    swarm.push("crashes", {"web": CRASHES})
    result = swarm.bedplate("./bedplate", "deploy", "--pull", "crashes", "--no-backup", "--yes")
    traffic.stop()
    assert (result.returncode, traffic.failures) == (1, [])
    assert "these did not become healthy: web" in result.stderr
    assert "Going back to the release second … done." in result.stderr
    assert swarm.variable("RELEASE") == "second"
    for service in ("web", "celery", "cron", "flower"):
        shown = swarm.machines.first.docker(
            "service", "inspect", "--format", "{{json .Spec.Labels}}", swarm.service(service)
        )
        assert '"bedplate.release":"second"' in shown, service


@pytest.mark.parametrize(
    ("tag", "changes", "said"),
    [
        ("migrates", {"web": BAD_MIGRATION}, "no such column"),
        ("missing", None, "there is no such image"),
    ],
)
def test_before_anything_is_replaced_a_bad_release_is_refused(
    swarm: Site, tag: str, changes: dict[str, str] | None, said: str
) -> None:
    web = swarm.machines.containers(swarm.service("web"))
    if changes:
        swarm.push(tag, changes)
    result = swarm.bedplate("./bedplate", "deploy", "--pull", tag, "--no-backup", "--yes")
    assert result.returncode == 1
    assert said in result.stderr
    assert (swarm.variable("RELEASE"), swarm.machines.containers(swarm.service("web"))) == ("second", web)


def test_a_worker_or_a_second_deploy_is_refused(swarm: Site) -> None:
    lock = f"{swarm.project}_deploy_runs"
    first = swarm.machines.first
    first.run("bash", "-ec", f"echo held | docker config create --label 'bedplate.deploy=two since noon' {lock} -")
    try:
        refused = swarm.bedplate("./bedplate", "deploy", "--restart", "--yes")
        said = "another deploy, rotation or restore of this project runs, on two since noon"
        assert (refused.returncode, said in refused.stderr) == (1, True), refused.stderr
    finally:
        first.docker("config", "rm", lock)


def test_a_machine_without_power_is_replaced(swarm: Site, traffic: Traffic, report: Report) -> None:
    others = (each for each, web in swarm.machines.containers(swarm.service("web")).items() if web)
    spared = ("one", swarm.machines.leader)
    lost = next((each for each in others if each.name not in spared), other_than(swarm, *spared))
    lose(swarm, lost, traffic, report, limit=90)


@pytest.mark.slow
def test_the_leader_without_power_is_replaced(swarm: Site, traffic: Traffic, report: Report) -> None:
    """Also when that is the machine from which the project is deployed."""
    lose(swarm, swarm.machines.named(swarm.machines.leader), traffic, report, limit=90)


def other_than(swarm: Site, *names: str) -> Machine:
    return next(each for each in swarm.machines.all if each.name not in names)


def lose(swarm: Site, lost: Machine, traffic: Traffic, report: Report, *, limit: float) -> None:
    """Cut the power of a machine: web is healthy elsewhere within the limit; then it comes back."""
    seen_by = other_than(swarm, lost.name)
    count = int(
        seen_by.docker("service", "inspect", "--format", "{{.Spec.Mode.Replicated.Replicas}}", swarm.service("web"))
    )
    lost.kill()
    started = time.monotonic()
    try:
        wait_until(lambda: healthy(swarm, lost, seen_by) == count, limit=limit, what="web is healthy elsewhere")
        seconds = time.monotonic() - started
        traffic.stop()
        report(f"{lost.name} lost: web elsewhere after {seconds:.0f} s")
        report(f"{traffic.requests} requests, failed: {traffic.failures}")
        assert len(traffic.failures) <= 2 * len(traffic.answered)
        # What was on its way there may wait twice, if the next container was there, too. What is sent later does not.
        later = [
            failure
            for failure, began in zip(traffic.failures, traffic.failures_began, strict=True)
            if began > started + 2 and "timed out" in failure.lower()
        ]
        assert later == []
    finally:
        lost.start()
    wait_until(lambda: seen_by.is_ready(lost.name), limit=60, what="it is in the swarm again")
    wait_until(swarm.is_served_by_all, limit=60, what="it serves again")


def healthy(swarm: Site, lost: Machine, seen_by: Machine) -> int:
    """Return the number of web's tasks that run on the other machines; 0 while the managers elect a leader."""
    listing = (
        "docker",
        "service",
        "ps",
        "--filter",
        "desired-state=running",
        "--format",
        "{{.Node}} {{.CurrentState}}",
    )
    listed = attempt("docker", "exec", seen_by.container, *listing, swarm.service("web")).stdout
    return sum(words[0] != lost.name and words[1] == "Running" for words in map(str.split, listed.splitlines()))


@pytest.mark.slow
def test_a_drained_machine_drops_nothing(swarm: Site) -> None:
    drain, bring_back = commands_of(HOW_TO, section="When a machine is lost")[0].splitlines()
    drained = swarm.machines.named("two")
    label = f"label=com.docker.stack.namespace={swarm.project}"
    with Traffic(swarm, clients=3, reconnecting=True).running() as traffic:
        swarm.machines.first.run(*drain.split())
        wait_until(lambda: not drained.docker("ps", "--quiet", "--filter", label), limit=90, what="it is empty")
    swarm.machines.first.run(*bring_back.split())
    wait_until(swarm.is_served_by_all, limit=60, what="it serves again")
    assert traffic.failures == []


@pytest.mark.slow
def test_a_secret_is_rotated_under_load(swarm: Site, traffic: Traffic) -> None:
    value = "a-new-password-for-mail"
    swarm.machines.first.run("bash", "-ec", f"printf {value} >new-password", folder=FOLDER)
    result = swarm.bedplate("./bedplate", "rotate-secret", "email_password", "--from", "new-password", "--yes")
    traffic.stop()
    assert result.returncode == 0, f"{result.stdout}{result.stderr}{swarm.log}"
    assert traffic.failures == []
    wait_until(lambda: secrets_of_workers(swarm) == {value}, limit=60, what="the earlier workers have ended")


def secrets_of_workers(swarm: Site) -> set[str]:
    """Return what each worker reads as the mail server's password; an error for one that has just ended."""
    workers = swarm.machines.containers(swarm.service("celery")).items()
    command = ("cat", "/run/secrets/email_password")
    answers = [
        attempt("docker", "exec", machine.container, "docker", "exec", each, *command)
        for machine, found in workers
        for each in found
    ]
    return {(answer.stdout + answer.stderr).strip() for answer in answers}


def test_data_are_backed_up_verified_and_restored(swarm: Site) -> None:
    """On whichever machine the command runs."""
    users = int(swarm.sql("SELECT count(*) FROM users_user"))
    for arguments in (["-b"], ["-l"]):
        done = swarm.bedplate("./google_storage.sh", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    backup = next(word for word in done.stdout.split() if word.startswith("gs://"))
    verified = swarm.bedplate("./google_storage.sh", "--verify", backup)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    swarm.make_user("later@example.com", password="a-user's-password")
    restored = swarm.bedplate("./google_storage.sh", "-r", backup, "--yes-replace", "prod")
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert int(swarm.sql("SELECT count(*) FROM users_user")) == users
    assert swarm.visitor().ask("/accounts/login/")[0] == 200
    refused = swarm.bedplate("./google_storage.sh", "-r", backup)
    assert refused.returncode != 0  # a job has no terminal to type the name of the environment into


@pytest.mark.slow
def test_back_to_the_release_before(swarm: Site) -> None:
    before = swarm.variable("RELEASE")
    swarm.deploy("--pull", swarm.push("later"), "--no-backup")
    swarm.deploy("--rollback")
    assert swarm.variable("RELEASE") == before
    shown = swarm.machines.first.docker("service", "inspect", "--format", "{{json .Spec.Labels}}", swarm.service("web"))
    assert f'"bedplate.release":"{before}"' in shown
