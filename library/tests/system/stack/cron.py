"""Cron in a stack: tasks of the tests' own, the results of their runs, and the mail about them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_string, policy
from typing import Final

from bedplate.testing.compose import Stack, run, wait_until
from followed_pages import Reader

ADMIN: Final = "admin@example.com"

# LOCAL has no admin. Compose reads this file beside docker-compose.yml.
OVERRIDE: Final = f"services: {{ cron: {{ environment: {{ ADMIN_EMAIL: {ADMIN} }} }} }}\n"

# Kill the runner of a task, and print the process that it watched.
KILL_RUNNER: Final = r"""
import os, pathlib, signal, sys
processes = {}
for path in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        processes[int(path.name)] = parent, (path / "cmdline").read_bytes()
    except OSError:
        pass
end = b"\0run_cron_task\0/cron/tasks/%s.sh\0" % sys.argv[1].encode()
for runner, (_parent, command) in processes.items():
    if command.endswith(end):
        print(*(process for process, (parent, _command) in processes.items() if parent == runner))
        os.kill(runner, signal.SIGKILL)
"""


@dataclass(frozen=True)
class Run:
    """The record of a run."""

    state: str
    reason: str
    output: str


@dataclass(frozen=True)
class Cron:
    """The cron of a stack."""

    stack: Stack
    admin: str = ADMIN

    def add_task(self, name: str, command: str, *, time_limit: str = "10m") -> None:
        """Add a task that runs each minute: the template with another command and time limit."""
        template = (self.stack.directory / "cron/tasks/TEMPLATE.sh").read_text()
        script = template.replace("python manage.py TASK_NAME", command)
        script = script.replace("TASK_NAME", name).replace("TIME_LIMIT=10m", f"TIME_LIMIT={time_limit}")
        path = self.stack.directory / f"cron/tasks/{name}.sh"
        path.write_text(script)
        path.chmod(0o755)
        self.add_line(f"* * * * * /cron/tasks/{name}.sh")

    def replace_line(self, task: str, line: str) -> None:
        """Replace the line of one of the base project's tasks."""
        crontab = self.stack.directory / "cron/crontab"
        lines = crontab.read_text().splitlines()
        (found,) = (number for number, text in enumerate(lines) if f"* {task} " in text)
        lines[found] = line
        crontab.write_text("\n".join([*lines, ""]))

    def add_line(self, line: str) -> None:
        """Add a line to the crontab."""
        with (self.stack.directory / "cron/crontab").open("a") as crontab:
            crontab.write(f"{line}\n")

    def follow_how_to(self) -> None:
        """Add a task as the how-to page says, except for the hour: it is due each minute."""
        for commands in Reader(self.stack.directory).follow("add-a-cron-task.md"):
            run("bash", "-euc", commands, directory=self.stack.directory)
        crontab = self.stack.directory / "cron/crontab"
        lines, added = crontab.read_text().rsplit("5 4 * * *", 1)
        crontab.write_text(f"{lines}* * * * *{added}")

    def make_due(self, task: str) -> None:
        """Make the task due: its next run was due some seconds ago."""
        due = f"update cron_runs_cronrun set scheduled_for = now() - interval '11 seconds' where task = '{task}'"
        assert self.stack.query(f"{due} and state = 'scheduled'").strip() == "UPDATE 1"

    def runs(self, task: str) -> list[Run]:
        """Return the task's runs, oldest first, without the scheduled one."""
        columns = "state, reason, replace(output, chr(10), ' ')"
        sql = f"select {columns} from cron_runs_cronrun where task = '{task}' and state <> 'scheduled'"
        return [Run(*line.split("|", 2)) for line in self.stack.query(f"{sql} order by scheduled_for").splitlines()]

    def wait_for(self, task: str, state: str, *, limit: float = 180) -> Run:
        """Return the task's newest run in this state, once there is one."""
        runs = wait_until(
            lambda: [run for run in self.runs(task) if run.state == state], limit=limit, what=f"{task} {state}"
        )
        return runs[-1]

    def wait_for_mail(self, subject: str) -> None:
        """Return once the admin has mail with this subject, which may take a minute."""
        wait_until(lambda: subject in self.subjects(), limit=60, what=f"mail about {subject!r}")

    def subjects(self) -> list[str]:
        """Return the subjects of the mail to the admin, without the project's name."""
        listed = "for mail in /data/mail/*.eml; do cat $mail; printf '\\0'; done"
        texts = self.stack.exec("web", "sh", "-c", listed).split("\0")
        mails = [message_from_string(text, policy=policy.default) for text in texts]
        return [str(mail["Subject"]).partition("] ")[2] for mail in mails if mail["To"] == self.admin]

    def kill_runner(self, task: str) -> tuple[int, str]:
        """Kill the runner of the task; return the container's index, and the process that it watched."""
        for index in (1, 2):
            command = ("exec", "--no-TTY", "--index", str(index), "cron", "python", "-c", KILL_RUNNER, task)
            if watched := self.stack.compose(*command).strip():
                return index, watched
        raise AssertionError(f"nothing runs {task}")

    def is_running(self, index: int, process: str) -> bool:
        """Return whether the process still exists in that container."""
        command = f"if test -e /proc/{process}; then echo yes; fi"
        return "yes" in self.stack.compose("exec", "--no-TTY", "--index", str(index), "cron", "sh", "-c", command)

    def restarts(self) -> list[int]:
        """Return how often each container has stopped by itself."""
        containers = self.stack.compose("ps", "--all", "--quiet", "cron").split()
        return [int(count) for count in run("docker", "inspect", "--format={{.RestartCount}}", *containers).split()]

    def log(self) -> str:
        """Return the output of the containers."""
        return self.stack.compose("logs", "--no-log-prefix", "cron")


@contextmanager
def two_containers(stack: Stack) -> Iterator[Cron]:
    """Give the stack a second cron container, and an admin who gets mail; restore everything at the end."""
    override, crontab = stack.directory / "docker-compose.override.yml", stack.directory / "cron/crontab"
    before, scripts = crontab.read_text(), set(crontab.parent.glob("tasks/*"))
    override.write_text(OVERRIDE)
    try:
        stack.compose("up", "-d", "--wait", "--scale", "cron=2", "cron")
        yield Cron(stack)
    finally:
        crontab.write_text(before)
        for script in set(crontab.parent.glob("tasks/*")) - scripts:
            script.unlink()
        override.unlink()
        stack.restore()
