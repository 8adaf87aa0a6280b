"""`manage.py demo_data`: fills the pages of a development site."""

import random
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from allauth.account.models import EmailAddress
from bedplate.django.cron_runs.models import CronRun
from bedplate.django.media.models import Document
from bedplate.django.operations.models import TaskRun
from bedplate.django.operations.tasks import sample
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError, transaction
from django.utils import timezone

DOMAIN: Final = "demo.example"
"""A domain that no one can own (RFC 2606): mail to it reaches nobody."""
NAMES: Final = ("Ada Byron", "Émile Roux", "Grace Murray", "Jürgen Groß", "Nguyễn Văn An", "Søren Holm", "Zoë O'Neill")
FILES: Final = ("Annual report.txt", "Contract (signed).txt", "Größe & Maß.txt", "meeting notes.txt", "prices.csv")
TASKS: Final = {"demo-hourly": timedelta(hours=1), "demo-nightly": timedelta(days=1), "demo-weekly": timedelta(weeks=1)}
ENTRY: Final = "demo_data"
"""The command of its cron runs, by which it finds them again."""
DAYS: Final = 30


class Command(BaseCommand):
    """Replaces its earlier data by new. It does not touch other data, and refuses to run on PROD."""

    help = "Create users, documents, task runs and cron runs for development; replace those of an earlier run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("--users", type=int, default=40, choices=range(1, 10_001), metavar="N", help="default: 40")
        parser.add_argument("--delete", action="store_true", help="only delete the data of an earlier run")

    def handle(self, *_args: Any, users: int, delete: bool, **_options: Any) -> None:
        """Print what was created."""
        if settings.ENVIRONMENT.environment == "prod":
            raise CommandError("This is PROD. Demo data is for development: run it in LOCAL, DEV or embedded mode.")
        try:
            with transaction.atomic():
                delete_data()
                created = [] if delete else create_data(users, now=timezone.now())
        except IntegrityError as error:
            raise CommandError(f"Nothing was changed. If another one is running, wait for it: {error}") from None
        self.stdout.write("\n".join(created or ["The demo data is deleted."]))


def delete_data() -> None:
    """Delete the data of an earlier run."""
    users = get_user_model().objects.filter(email__endswith=f"@{DOMAIN}")
    TaskRun.objects.filter(requested_by__in=users).delete()
    CronRun.objects.filter(command=ENTRY).delete()
    users.delete()


def create_data(number: int, *, now: datetime) -> list[str]:
    """Create the data, the same every time, up to now. Return a line about each kind."""
    chance = random.Random(number)  # noqa: S311 - not a secret
    users = create_users(number, now=now)
    documents = [create_document(user, chance) for user in users for _ in range(chance.randrange(5))]
    task_runs = create_task_runs([task_run(chance.choice(users), chance, now=now) for _ in range(number * 8)])
    cron_runs = CronRun.objects.bulk_create(
        cron_run(task, now.replace(microsecond=0) - every * index, chance)
        for task, every in TASKS.items()
        for index in range(1, timedelta(days=DAYS) // every + 1)
    )
    return [
        f"{len(users)} users: user1@{DOMAIN} … (without a password, so that no one can sign in as them)",
        f"{len(documents)} documents",
        f"{task_runs} task runs and {len(cron_runs)} cron runs of the last {DAYS} days",
    ]


def create_users(number: int, *, now: datetime) -> list[Any]:
    """Create users with verified addresses."""
    model: Any = get_user_model()
    has_name = any(field.name == "name" for field in model._meta.get_fields())  # noqa: SLF001 - Django's public API
    users = [
        model.objects.create_user(
            f"user{index}@{DOMAIN}",
            None,
            date_joined=now - timedelta(days=index % 365),
            **({"name": NAMES[index % len(NAMES)]} if has_name else {}),
        )
        for index in range(1, number + 1)
    ]
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in users
    )
    return users


def create_document(owner: Any, chance: random.Random) -> Document:
    """Create a document with a small file."""
    text = "A line of demo data.\n" * chance.randrange(1, 500)
    return Document.objects.create(owner=owner, file=ContentFile(text.encode(), chance.choice(FILES)))


def task_run(user: Any, chance: random.Random, *, now: datetime) -> TaskRun:
    """Return a run that has ended: a worker would start others."""
    created = now - timedelta(seconds=chance.randrange(60, DAYS * 86_400))
    failed = chance.random() < 0.06  # noqa: PLR2004 - a plausible part
    return TaskRun(
        name=sample.name,
        state=TaskRun.State.FAILED if failed else TaskRun.State.SUCCEEDED,
        percent=chance.randrange(100) if failed else 100,
        error="TimeoutError: the server did not answer" if failed else "",
        attempts=1,
        created=created,
        started=created + timedelta(seconds=1),
        finished=created + timedelta(seconds=1 + chance.randrange(1, 60)),
        requested_by=user,
    )


def create_task_runs(runs: Sequence[TaskRun]) -> int:
    """Create the runs. Return how many."""
    created = [run.created for run in runs]
    TaskRun.objects.bulk_create(runs)
    for run, time in zip(runs, created, strict=True):
        run.created = time  # the field has replaced it by the present time
    TaskRun.objects.bulk_update(runs, ["created"], batch_size=200)
    return len(runs)


def cron_run(task: str, scheduled_for: datetime, chance: random.Random) -> CronRun:
    """Return a run that has ended."""
    failed = chance.random() < 0.03  # noqa: PLR2004 - a plausible part
    return CronRun(
        task=task,
        command=ENTRY,
        state=CronRun.State.FAILED if failed else CronRun.State.SUCCEEDED,
        scheduled_for=scheduled_for,
        started=scheduled_for,
        finished=scheduled_for + timedelta(seconds=chance.randrange(1, 300)),
        exit_code=int(failed),
        reason="Exited with 1." if failed else "",
        output="Demo data.",
    )
