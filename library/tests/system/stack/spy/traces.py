"""Effects of the handlers: write, delete, send and request, wherever an app's code can."""

import urllib.request
import uuid
from contextlib import suppress

from config.celery import app
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.mail import send_mail

ADDRESS = "http://web:8000/spy-http"


def leave_traces(event: str) -> None:
    """Write to storage, cache, queue and mail, delete precious data, and request a page."""
    storage = storages["default"]
    storage.save(f"traces/{event}-{uuid.uuid4().hex}.txt", ContentFile(b"x"))
    storage.delete("precious.txt")
    cache.set(f"trace-{event}-{uuid.uuid4().hex}", "x", timeout=None)
    cache.delete("precious")
    app.send_task("spy.trace", args=[event], retry=False)
    # Past the outbox, which is a table of the copy, and in the first installation not there yet.
    send_mail(f"trace {event}", "x", None, ["erika@example.com"], using="transport")
    with suppress(OSError):  # the answer does not matter
        urllib.request.urlopen(urllib.request.Request(ADDRESS, headers={"Host": "localhost"}), timeout=5).close()
