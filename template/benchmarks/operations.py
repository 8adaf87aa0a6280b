#!/usr/bin/env python3
"""Measures the page about operations with 100,000 runs of tasks and 10,000 of cron. The goal is 300 ms.

Run it with the tests' Python: .venv/bin/python template/benchmarks/operations.py
It makes a database of its own, and deletes it: SQLite; or PostgreSQL, with ENVIRONMENT=local and the variables of a
server in the environment.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
GOAL_MS: Final = 300
TASK_RUNS, CRON_RUNS, CRON_TASKS, BACKUPS = 100_000, 10_000, 12, 60


def set_up(folder: Path) -> None:
    """Set up Django, with a database in the folder unless the environment names another."""
    os.environ.setdefault("ENVIRONMENT", "embedded")
    os.environ.setdefault("SECRET_KEY", "only-for-this-benchmark-of-the-page")
    os.environ.setdefault("DATA_DIRECTORY", str(folder))
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    sys.path[:0] = [str(ROOT / "web"), str(ROOT / "library/src")]
    import django  # noqa: PLC0415 - after the environment is set

    django.setup()
    from django.conf import settings  # noqa: PLC0415

    # As on PROD, where the page has most parts.
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"environment": "prod"})
    settings.STAFF_NEEDS_SECOND_FACTOR = settings.SECURE_SSL_REDIRECT = False
    storages: Any = settings.STORAGES
    storages["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    from bedplate.django.operations_page.services import CALLS  # noqa: PLC0415

    del CALLS["flower"]  # it does not run here
    settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = (
        str(folder / "benchmark.sqlite3") if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3") else None
    )


def fill() -> Any:
    """Create the rows and return a superuser."""
    from bedplate.django.cron_runs.models import CronRun  # noqa: PLC0415
    from bedplate.django.operations.models import TaskRun  # noqa: PLC0415
    from bedplate.django.operations_page.models import BackupRecord  # noqa: PLC0415
    from django.contrib.auth import get_user_model  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    now, minute = timezone.now(), timedelta(minutes=1)
    states = {0: ("failed", now), 1: ("queued", None), 2: ("running", None)}
    runs = []
    for number in range(TASK_RUNS):
        state, finished = states.get(number % 1000, ("succeeded", now))
        at = finished and finished - number * minute / 10
        runs.append(TaskRun(name=f"task {number % 20}", state=state, finished=at, started=now, message="a" * 80))
    TaskRun.objects.bulk_create(runs, batch_size=2000)
    CronRun.objects.bulk_create(
        [
            CronRun(
                task=f"task {number % CRON_TASKS}",
                state="succeeded",
                scheduled_for=now - number * 7 * minute,
                started=now,
                finished=now,
                output="a" * 2000,
            )
            for number in range(CRON_RUNS)
        ],
        batch_size=2000,
    )
    BackupRecord.objects.bulk_create(
        BackupRecord(name=str(number), created=now - timedelta(days=number), size=1, database_size=1, seconds=9)
        for number in range(BACKUPS)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    users: Any = get_user_model().objects
    return users.create_superuser("a@example.org", "only-for-this-benchmark")


def measure(open_page: Callable[[], Any], rounds: int) -> list[float]:
    """Return the sorted durations in milliseconds."""
    durations = []
    for _round in range(rounds):
        start = time.perf_counter()
        response = open_page()
        durations.append((time.perf_counter() - start) * 1000)
        if response.status_code != 200 or b"could not be read" in response.content:  # noqa: PLR2004 - HTTP
            sys.exit(f"The page answered {response.status_code}, or a part of it failed.")
    return sorted(durations)


def main() -> None:
    """Print the durations. Exit with 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        set_up(Path(folder))
        from django.db import connection  # noqa: PLC0415
        from django.test import Client  # noqa: PLC0415
        from django.test.utils import CaptureQueriesContext, setup_test_environment  # noqa: PLC0415

        setup_test_environment(debug=False)
        connection.creation.create_test_db(verbosity=0, serialize=False)
        try:
            client = Client()
            client.force_login(fill())
            first = measure(lambda: client.get("/operations/"), 1)[0]
            durations = measure(lambda: client.get("/operations/"), options.rounds)
            with CaptureQueriesContext(connection) as queries:
                client.get("/operations/")
        finally:
            connection.creation.destroy_test_db(str(connection.settings_dict["NAME"]), verbosity=0)
    median, slowest = statistics.median(durations), durations[-1]
    sys.stdout.write(
        f"{connection.vendor}: first {first:.0f} ms, median {median:.0f} ms, slowest {slowest:.0f} ms of "
        f"{options.rounds}; {len(queries)} queries of the request itself. Goal: {GOAL_MS} ms.\n"
    )
    sys.exit(median > GOAL_MS)


if __name__ == "__main__":
    main()
