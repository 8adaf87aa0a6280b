"""A Celery application for tests of the broker alone: the project's settings, one task, no database."""

import json
import os
import time
from pathlib import Path

from bedplate.django.broker import use_patched_transports
from celery import Celery

use_patched_transports()
app = Celery("broker", fixups=[])
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(broker_url=os.environ["BROKER_URL"])
app.conf.broker_transport_options |= json.loads(os.environ["BROKER_TRANSPORT_OPTIONS"])


@app.task(name="work")
def work(folder: str, name: str) -> None:
    """Record that the task starts; end once the file `go` exists."""
    with Path(folder, "starts").open("a") as starts:
        starts.write(f"{name}\n")
    while not Path(folder, "go").exists():
        time.sleep(0.05)
    with Path(folder, "ends").open("a") as ends:
        ends.write(f"{name}\n")
