"""A holder keeps its lease even if the store's response to a write is lost."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import pytest
from bedplate.backup.errors import BackupError, ConflictError
from bedplate.backup.lease import Lease, hold_lease
from bedplate.backup.stores import Store, StoredObject, google
from bedplate.backup.stores.folder import FolderStore
from bedplate.backup.stores.google import GoogleStore
from fault_proxy import Cut, FaultProxy
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage.retry import DEFAULT_RETRY

NAME = "v1/app/lease.json"


def hold(store: Store, said: list[str] | None = None) -> AbstractContextManager[Lease]:
    """Hold the lease as this machine."""
    heard = [] if said is None else said
    return hold_lease(store, NAME, holder="mine", seconds=90, say=heard.append)


def is_free(store: Store) -> bool:
    """Return whether another machine could take the lease at once."""
    return not list(store.list(NAME))


@contextmanager
def answer_lost(store: FolderStore, error: Exception) -> Iterator[None]:
    """Make the store write once, and raise an error instead of the response."""
    with pytest.MonkeyPatch.context() as patch:
        write = store.write

        def write_and_fail(name: str, data: bytes, *, generation: str | None = None) -> StoredObject:
            patch.undo()
            write(name, data, generation=generation)
            raise error

        patch.setattr(store, "write", write_and_fail)
        yield


def lose_answer(store: FolderStore, mine: Lease) -> None:
    """Renew the lease, and lose the response."""
    with answer_lost(store, BackupError("no answer")), pytest.raises(BackupError, match="no answer"):
        mine.renew()


def test_a_renewal_whose_answer_was_lost_is_found_and_gone_on_from(folder_store: FolderStore) -> None:
    """The holder wrote it: the lease is its own, is renewed, and is free afterwards."""
    with hold(folder_store) as mine:
        for _ in range(2):
            lose_answer(folder_store, mine)
            lost = folder_store.read(NAME)
            mine.renew()
            assert folder_store.read(NAME)[0] != lost[0]
            mine.renew()
    assert is_free(folder_store)


def test_a_lease_is_given_back_after_an_answer_that_was_lost(folder_store: FolderStore) -> None:
    with hold(folder_store) as mine:
        lose_answer(folder_store, mine)
    assert is_free(folder_store)


@pytest.mark.parametrize("error", [BackupError("no answer"), ConflictError("written by someone else")])
def test_a_lease_whose_answer_was_lost_is_taken_at_once(folder_store: FolderStore, error: Exception) -> None:
    """The command takes it, or the next one of this machine."""
    said: list[str] = []
    with answer_lost(folder_store, error), suppress(BackupError), hold(folder_store, said):
        pass
    with hold(folder_store, said) as mine:
        mine.renew()
    assert (said, is_free(folder_store)) == ([], True)


@pytest.mark.parametrize("other", ["another", "mine"])
def test_who_takes_over_after_an_answer_that_was_lost_has_it(folder_store: FolderStore, other: str) -> None:
    """It holds even for a copy of this machine, with the same name."""
    with hold(folder_store) as mine:
        lose_answer(folder_store, mine)
        folder_store.write(NAME, json.dumps({"holder": other, "token": "its own"}).encode())
        theirs = folder_store.read(NAME)
        for _ in range(2):
            with pytest.raises(BackupError, match="Another machine has taken over"):
                mine.renew()
    assert folder_store.read(NAME) == theirs


def test_while_the_lease_cannot_be_read_back_nothing_is_decided(
    folder_store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_name: str) -> tuple[bytes, str]:
        raise BackupError("away")

    with hold(folder_store) as mine:
        lose_answer(folder_store, mine)
        with monkeypatch.context() as patch:
            patch.setattr(folder_store, "read", refuse)
            with pytest.raises(BackupError, match="away"):
                mine.renew()
        mine.renew()
    assert is_free(folder_store)


def test_google_storage_that_writes_without_an_answer_loses_no_lease(
    gcs: str, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The responses are lost until the client gives up."""
    monkeypatch.setattr(google, "DEFAULT_RETRY", DEFAULT_RETRY.with_delay(initial=0.01, maximum=0.1))
    store = GoogleStore(gcs, AnonymousCredentials(), retry_seconds=0.5)
    with hold(store) as mine:
        before = store.read(NAME)[1]
        proxy.fail(Cut(), times=1000, method="POST")
        with pytest.raises(BackupError, match="the store failed"):
            mine.renew()
        proxy.clear()
        assert store.read(NAME)[1] != before
        mine.renew()
    assert is_free(store)
