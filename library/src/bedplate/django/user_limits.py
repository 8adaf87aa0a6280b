"""Limits on what a user may have, held by the database: requests at once cannot exceed them together."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction


@contextmanager
def lock_user(pk: Any) -> Iterator[None]:
    """Lock the user's row in a transaction: count and add inside, and other processes wait for it.

    In SQLite, where rows have no locks, the transaction itself is the lock (`services.SQLITE_OPTIONS`: IMMEDIATE).
    """
    users: Any = get_user_model()._base_manager  # noqa: SLF001 - documented by Django; the default one may hide users
    with transaction.atomic():
        # "No key": other transactions may add rows that refer to the user.
        list(users.select_for_update(no_key=True).filter(pk=pk).values_list("pk", flat=True))
        yield
