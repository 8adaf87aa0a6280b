"""The tasks of services in the swarm: waiting until they are what was deployed, and why one is not."""

import json
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from bedplate.host.errors import AbortError
from bedplate.host.programs import attempt, output
from bedplate.host.steps import CommandError, Steps
from bedplate.host.swarm.machines import machines
from bedplate.host.swarm.rendering import RELEASE_LABEL, is_job

POLL_INTERVAL: Final = 0.5  # seconds
LINES: Final = "20"  # of a failed task's log


@dataclass(frozen=True, kw_only=True)
class Task:
    """A container that the swarm wants, somewhere."""

    id: str
    node: str
    state: str
    wanted: str
    """`running`, or `shutdown` for one that was replaced."""
    error: str
    exit_status: int | None
    """None if its program did not run."""
    specification: Any

    @property
    def failed(self) -> bool:
        """True if it ended with an error, or never began."""
        return self.state in ("failed", "rejected")


def inspect(kind: str, *names: str) -> list[Any]:
    """Return what Docker knows about these; those that are gone are left out."""
    result = attempt(["docker", "inspect", "--type", kind, *names])
    found: list[Any] = json.loads(result.stdout or "[]")
    return found


def tasks_of(service: str) -> list[Task]:
    """Return the tasks of a service, the newest first; none if there is no such service."""
    ids = attempt(["docker", "service", "ps", "--quiet", "--no-trunc", service]).stdout.split()
    found = inspect("task", *ids) if ids else []
    tasks = [
        Task(
            id=each["ID"],
            node=each.get("NodeID", ""),
            state=each["Status"]["State"],
            wanted=each["DesiredState"],
            error=each["Status"].get("Err", ""),
            exit_status=(each["Status"].get("ContainerStatus") or {}).get("ExitCode"),
            specification=each["Spec"],
        )
        for each in sorted(found, key=lambda each: str(each["CreatedAt"]), reverse=True)
    ]
    return [task for task in tasks if task.wanted != "remove"]


class Waiting:
    """Waits as long as something moves: `wait` seconds without any progress are a failure."""

    def __init__(self, *, wait: float) -> None:
        self._wait = wait
        self._seen: Any = None
        self._since = time.monotonic()

    def go_on(self, seen: Any) -> bool:
        """Pause for a moment; return False if what is seen has been the same for too long."""
        if seen != self._seen:
            self._seen, self._since = seen, time.monotonic()
        time.sleep(POLL_INTERVAL)
        return time.monotonic() - self._since < self._wait


def wait_for_job(name: str, *, wait: int) -> Task | None:
    """Wait until the job is complete, on one machine or on each where it belongs. Return the task that failed, or None.

    Raise CommandError if no machine takes it within `wait` seconds, or if its machine is lost: Swarm says of its tasks
    that they run, until it is back. A job that runs has all the time.
    """
    waiting = Waiting(wait=wait)
    while True:
        tasks = tasks_of(name)
        if failed := [task for task in tasks if task.failed]:
            return failed[0]
        if tasks and all(task.state == "complete" for task in tasks):
            return None
        _check_machines(name, tasks)
        runs = any(task.state == "running" for task in tasks)
        if not waiting.go_on((time.monotonic() if runs else 0, sorted((task.id, task.state) for task in tasks))):
            states = {task.error or f"it is {task.state}" for task in tasks}
            raise CommandError(f"{name} did not begin within {wait} s: {', '.join(states) or 'no machine takes it'}")


def _check_machines(name: str, tasks: Iterable[Task]) -> None:
    unfinished = {task.node for task in tasks if task.state != "complete"}
    with suppress(AbortError):  # no leader for a moment
        for machine in machines():
            if machine.lost and machine.id in unfinished:
                raise CommandError(f"{name}: the machine {machine.name} is lost, and what ran there.")


def wait_for_services(stack: Mapping[str, Any], release: str, *, project: str, wait: int, steps: Steps) -> None:
    """Wait until all services run as this stack says, and are healthy.

    Raise CommandError, with the reason in the log, if the swarm went back to the previous one or stopped trying.
    A command of Docker's cannot tell: `docker stack deploy` exits with 0 whatever happens.
    """
    names = [f"{project}_{name}" for name, service in stack["services"].items() if not is_job(service)]
    waiting = Waiting(wait=wait)
    while True:
        services = {each["Spec"]["Name"]: each for each in inspect("service", *names)}
        states = {name: state_of(services.get(name), release) for name in names}
        if all(state == "" for state in states.values()):
            return
        if bad := [name for name, state in states.items() if state.startswith("!")]:
            for name in bad:
                say_why(name, steps)
            raise CommandError(f"{bad[0]}: {states[bad[0]][1:]}")
        if not waiting.go_on(states):
            late = [name for name, state in states.items() if state]
            for name in late:
                say_why(name, steps)
            raise CommandError(f"not healthy within {wait} s: {', '.join(late)}")


def state_of(service: Mapping[str, Any] | None, release: str) -> str:
    """Return what is missing until the service is what was deployed: nothing, progress, or ! and why it never is."""
    if service is None:
        return "is not there yet"
    update = (service.get("UpdateStatus") or {}).get("State", "")
    if service["Spec"].get("Labels", {}).get(RELEASE_LABEL) != release or update.endswith("paused"):
        message = (service.get("UpdateStatus") or {}).get("Message")
        return f"!{message or 'the swarm went back to the previous release'}"
    wanted = service["Spec"]["TaskTemplate"]
    tasks = [task for task in tasks_of(service["ID"]) if task.wanted == "running"]
    mode = service["Spec"]["Mode"]
    count = mode["Replicated"]["Replicas"] if "Replicated" in mode else max(1, len(tasks))  # one on each machine
    good = [task for task in tasks if task.state == "running" and _same(task.specification, wanted)]
    if update not in ("", "completed", "rollback_completed") or len(good) < count or len(good) < len(tasks):
        return f"{update or 'starting'}: {len(good)} of {count}, {' '.join(sorted(task.state for task in tasks))}"
    return ""


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two specifications of tasks have the same container and limits."""
    parts = [{key: _filled(each.get(key)) for key in ("ContainerSpec", "Resources")} for each in (one, other)]
    return json.dumps(parts[0], sort_keys=True) == json.dumps(parts[1], sort_keys=True)


def _filled(value: Any) -> Any:
    """Return the value without empty parts: a service names some that its tasks do not have."""
    if isinstance(value, dict):
        return {key: kept for key, each in value.items() if (kept := _filled(each)) not in ({}, [], None)}
    return value


def say_why(service: str, steps: Steps) -> None:
    """Write the reason of the newest failed task into the log, and its last lines."""
    steps.say(f"not healthy: {service.partition('_')[2]}")
    for task in tasks_of(service):
        if task.failed or task.error:
            steps.say(f"{service} on {_name_of(task.node)}: {task.state}: {task.error}")
            steps.run(["docker", "service", "logs", "--raw", "--no-trunc", "--tail", LINES, task.id], check=False)
            return


def _name_of(node: str) -> str:
    return next((each.name for each in machines() if each.id == node), node)


def show_log(service: str, steps: Steps) -> None:
    """Write the output of a job into the log."""
    steps.run(["docker", "service", "logs", "--raw", "--no-trunc", service], check=False)


def remove(names: Iterable[str]) -> None:
    """Remove these services, those that exist."""
    for name in names:
        attempt(["docker", "service", "rm", name])


def modes(project: str) -> dict[str, str]:
    """Return the mode of each service of the stack, as Docker shows it: `global`, `replicated job`."""
    listed = output(["docker", "stack", "services", "--format", "{{.Name}} {{.Mode}}", project])
    return dict(line.split(" ", 1) for line in listed.splitlines())


def other_modes(stack: Mapping[str, Any], project: str) -> dict[str, tuple[str, str]]:
    """Return the services that run in another mode than the stack has, with both modes."""
    running, found = modes(project), {}
    for name, service in stack["services"].items():
        mode = str((service.get("deploy") or {}).get("mode") or "replicated").replace("-", " ")  # as Docker shows it
        if (before := running.get(f"{project}_{name}", mode)) != mode:
            found[f"{project}_{name}"] = before, mode
    return found


def release_of(service: str) -> str:
    """Return the release of a service, as it was deployed last; empty if there is no such service."""
    labels = [each["Spec"].get("Labels", {}) for each in inspect("service", service)]
    return str(labels[0].get(RELEASE_LABEL, "")) if labels else ""
