"""Embedded mode from outside: set up once in a copy of the checkout, then started, used, stopped and killed."""

import os
import re
import signal
from contextlib import closing
from pathlib import Path

import pytest
from bedplate.testing.checkout import free_port
from embedded_mode import (
    SERVING,
    Process,
    Running,
    install,
    logged_in_visitor,
    manage,
    percent,
    processes_of,
    said,
    start_task,
    wait_for,
    wait_until_succeeded,
)

# A worker that has just started does not handle SIGTERM yet.
HOW = {signal.SIGKILL: "killed by SIGKILL", signal.SIGTERM: "exit status 0|killed by SIGTERM"}


def test_an_interrupted_set_up_leaves_no_process_and_can_be_run_again(
    interrupted: tuple[int, str, list[Process]],
) -> None:
    """Ctrl-C in a step: exit status 130, and no process of it is left."""
    status, output, left = interrupted
    assert status == 130
    assert "Interrupted. Nothing is lost" in output
    assert left == []


def test_secrets_are_random_and_for_the_owner_only(installed: Path) -> None:
    """`.env.embedded` has mode 0600 and no placeholder."""
    dotenv = installed / ".env.embedded"
    assert dotenv.stat().st_mode & 0o777 == 0o600
    assert "change-me" not in dotenv.read_text()


def test_the_printed_user_logs_in_and_a_task_moves_to_100_percent(running: Running) -> None:
    """The main use: page, assets, login, a background task that progresses while pages are served."""
    visitor = logged_in_visitor(running)
    for asset in re.findall(r'(?:src|href)="(/static/[^"]+)"', visitor.get("/")):
        visitor.get(asset)
    path = start_task(visitor, seconds=2)
    wait_for(lambda: 0 < percent(visitor, path) < 100, what="the task is on its way", limit=30)
    wait_until_succeeded(visitor, path)
    assert percent(visitor, path) == 100


def test_output_of_web_and_worker_is_shown_while_they_run(running: Running) -> None:
    """Each line has the name of its program."""
    wait_until_succeeded(logged_in_visitor(running), start_task(logged_in_visitor(running), seconds=1))
    shown = ("\nweb    | ", "\nworker | ")
    wait_for(lambda: all(line in running.output for line in shown), what="both say something", limit=20)


def test_the_worker_sends_the_mail_of_a_forgotten_password(running: Running) -> None:
    """The page answers at once, for any address; the mail to an existing account is caught a moment later."""
    visitor = logged_in_visitor(running)
    email = said(running, "User")
    for address in ("stranger@example.org", email):
        visitor.submit("/accounts/password/reset/", email=address)
    wait_for(lambda: email in visitor.get("/mail/"), what="the mail is there")
    assert "stranger@example.org" not in visitor.get("/mail/")


def test_a_second_start_while_one_runs_is_refused(installed: Path, running: Running) -> None:
    """The message says where the first one runs."""
    second = install(installed, "--port", str(free_port()))
    assert second.returncode == 1
    assert "runs in this folder already" in second.stdout
    assert said(running, "Site") in second.stdout


def test_a_restart_keeps_data_and_secrets(installed: Path, running: Running) -> None:
    """Data from before Ctrl-C is there after the next start, and the queue continues."""
    dotenv = (installed / ".env.embedded").read_text()
    visitor = logged_in_visitor(running)
    path = start_task(visitor, seconds=60)
    wait_for(lambda: percent(visitor, path) > 0, what="the task runs")
    assert running.end(signal.SIGINT) == 0
    assert processes_of(installed) == []
    with closing(Running(installed, "--port", said(running, "Site").rpartition(":")[2])) as again:
        again.wait_for_output(SERVING)
        assert visitor.get_json(path)["name"] == "operations.tasks.sample"
        wait_for(lambda: visitor.get_json(path)["state"] == "running", what="the task runs again")
    assert (installed / ".env.embedded").read_text() == dotenv


def test_kill_9_leaves_no_process(installed: Path, running: Running) -> None:
    """Web, its worker process, Celery and its children end, although they get no signal."""
    wait_for(lambda: len(processes_of(installed)) > 5, what="all of them run")
    assert running.end(signal.SIGKILL) == -signal.SIGKILL
    wait_for(lambda: not processes_of(installed), what="no process left", limit=20)


@pytest.mark.parametrize(("name", "command"), [("web", "granian"), ("worker", "celery")])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_when_one_ends_the_other_is_stopped(running: Running, name: str, command: str, number: signal.Signals) -> None:
    """The message says which one ended, and how; that is a failure, even after a normal exit."""
    os.kill(running.started(command).pid, number)
    assert running.wait() == 1
    assert re.search(rf"{name} ended by itself \(({HOW[number]})\)", running.output)
    assert processes_of(running.folder) == []


def test_a_second_set_up_rebuilds_nothing(installed: Path) -> None:
    """Environment, assets and static files stay as they are while their sources are unchanged."""
    marks = [installed / made / ".complete" for made in (".venv-embedded", "web/static/dist", "web/staticfiles")]
    before = [mark.stat().st_mtime_ns for mark in marks]
    again = install(installed, "--setup-only")
    assert again.returncode == 0
    assert "All is set up. To run it: ./install_embedded.sh" in again.stdout
    assert [mark.stat().st_mtime_ns for mark in marks] == before


def test_manage_runs_django_commands_on_the_same_database(installed: Path) -> None:
    """`./install_embedded.sh manage` finds the user that the setup created."""
    count = "from users.models import User; print(User.objects.filter(email='admin@shop.local').count())"
    assert manage(installed, count) == "1\n"


def test_the_home_page_weighs_at_most_90_kilobytes(installed: Path) -> None:
    """Compressed, with its styles, scripts and fonts, and the component that it shows, which needs React."""
    completed = install(installed, "manage", "page_weight", "/", "--limit", "90")
    assert completed.returncode == 0, completed.stdout
    assert "/static/dist/assets/StackStatus-" in completed.stdout
    assert "/static/dist/assets/render-" in completed.stdout


def test_a_page_without_components_loads_no_react(installed: Path) -> None:
    """The page to sign in weighs a fraction of it."""
    completed = install(installed, "manage", "page_weight", "/accounts/login/", "--limit", "20")
    assert completed.returncode == 0, completed.stdout
    assert "/static/dist/assets/main-" in completed.stdout
