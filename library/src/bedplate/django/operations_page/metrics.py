"""The facts of the page for Prometheus."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bedplate.django.operations_page.backup_facts import Backups
from bedplate.django.operations_page.cron_facts import Cron
from bedplate.django.operations_page.gathering import Finding
from bedplate.django.operations_page.mail_facts import Mail
from bedplate.django.operations_page.release import Release
from bedplate.django.operations_page.services import Services
from bedplate.django.operations_page.storage import Storage
from bedplate.django.operations_page.task_facts import Tasks

type Sample = tuple[tuple[str, ...], float | datetime | None]
"""The values of the labels, and the value. None: there is no sample."""


class Findings(Collector):
    """Collects the metrics of findings."""

    def __init__(self, findings: Mapping[str, Finding]) -> None:
        self._findings = findings

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics. The metrics of a part without facts are missing."""
        up = [((name,), float(finding.facts is not None)) for name, finding in self._findings.items()]
        yield gauge("bedplate_part_up", "1 if the facts of this part could be read", ["part"], up)
        for finding in self._findings.values():
            yield from METRICS[finding.name](finding.facts) if finding.facts else ()


def exposition(findings: Mapping[str, Finding]) -> bytes:
    """Return the metrics in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Findings(findings))
    return generate_latest(registry)


def gauge(name: str, documentation: str, labels: list[str], samples: Iterable[Sample]) -> Metric:
    """Return a metric. Times become seconds since 1970."""
    family = GaugeMetricFamily(name, documentation, labels=labels)
    for values, value in samples:
        if value is not None:
            family.add_metric(values, value.timestamp() if isinstance(value, datetime) else value)
    return family


def of_services(facts: Services) -> Iterator[Metric]:
    """Yield the metrics of services."""
    found = facts.services
    yield gauge(
        "bedplate_service_up", "1 if the service answers", ["service"], [((s.name,), float(s.is_ok)) for s in found]
    )
    yield gauge(
        "bedplate_service_response_seconds",
        "The time in which the service answered",
        ["service"],
        [((s.name,), None if s.milliseconds is None else s.milliseconds / 1000) for s in found],
    )
    yield gauge(
        "bedplate_service_silence_seconds",
        "The time since the last heartbeat",
        ["service"],
        [((s.name,), s.silence) for s in found],
    )


def of_tasks(facts: Tasks) -> Iterator[Metric]:
    """Yield the metrics of background tasks."""
    yield gauge(
        "bedplate_task_runs",
        "The runs of background tasks: running, queued, and failed in the last 7 days",
        ["state"],
        [((kind.state,), float(kind.total)) for kind in facts.kinds],
    )
    yield gauge(
        "bedplate_task_oldest_wait_seconds", "The time for which the first task waits", [], [((), facts.oldest_wait)]
    )


def of_mail(facts: Mail) -> Iterator[Metric]:
    """Yield the metrics of mail."""
    numbers = {"waiting": facts.waiting, "tried": facts.tried, "failed": facts.failed}
    yield gauge(
        "bedplate_mails",
        "Mail in the outbox: waiting, tried (waiting after an error), and failed in the last 7 days",
        ["state"],
        [((state,), float(number)) for state, number in numbers.items()],
    )
    yield gauge(
        "bedplate_mail_oldest_wait_seconds", "The time for which the first mail waits", [], [((), facts.oldest_wait)]
    )


def of_cron(facts: Cron) -> Iterator[Metric]:
    """Yield the metrics of cron."""
    tasks = facts.tasks
    last = [((task.name,), task.last) for task in tasks if task.last]
    label = ["task"]
    yield gauge(
        "bedplate_cron_last_run_ok",
        "0 if the last run failed or was missed",
        label,
        [(key, float(not run.is_bad)) for key, run in last],
    )
    yield gauge(
        "bedplate_cron_last_run_timestamp_seconds",
        "The scheduled time of the last run",
        label,
        [(key, run.scheduled_for) for key, run in last],
    )
    yield gauge(
        "bedplate_cron_last_run_duration_seconds",
        "The duration of the last run",
        label,
        [(key, run.seconds) for key, run in last],
    )
    yield gauge(
        "bedplate_cron_next_run_timestamp_seconds",
        "The time of the next run",
        label,
        [((task.name,), task.next_time) for task in tasks],
    )


def of_backups(facts: Backups) -> Iterator[Metric]:
    """Yield the metrics of backups."""
    last, verified = facts.last, facts.last_verified
    values: dict[str, tuple[str, Any]] = {
        "last_timestamp_seconds": ("The time of the newest backup", last and last.created),
        "last_size_bytes": ("The stored size of the newest backup", last and last.size),
        "last_duration_seconds": ("The duration of the newest backup", last and last.seconds),
        "verified_timestamp_seconds": ("The time of the last drill that passed", verified and verified.verified),
        "last_failed": ("1 if the drill on the newest backup failed", float(facts.last_failed)),
    }
    for name, (documentation, value) in values.items():
        yield gauge(f"bedplate_backup_{name}", documentation, [], [((), value)])


def of_storage(facts: Storage) -> Iterator[Metric]:
    """Yield the metrics of disk and database."""
    yield gauge("bedplate_disk_bytes", "The size of the disk", [], [((), float(facts.disk_total))])
    yield gauge("bedplate_disk_free_bytes", "The free space of the disk", [], [((), float(facts.disk_free))])
    yield gauge("bedplate_database_bytes", "The size of the database", [], [((), float(facts.database))])
    yield gauge(
        "bedplate_table_bytes",
        "The sizes of the largest tables, with their indexes",
        ["table"],
        [((table.name,), float(table.size)) for table in facts.tables],
    )


def of_release(facts: Release) -> Iterator[Metric]:
    """Yield the metrics of the release."""
    versions = (facts.name, facts.django, facts.python)
    yield gauge("bedplate_release_info", "The release that runs", ["release", "django", "python"], [(versions, 1.0)])
    yield gauge("bedplate_pending_migrations", "Migrations to apply", [], [((), float(len(facts.pending)))])


METRICS: dict[str, Any] = {
    "services": of_services,
    "tasks": of_tasks,
    "mail": of_mail,
    "cron": of_cron,
    "backups": of_backups,
    "storage": of_storage,
    "release": of_release,
}
