"""The lease of a project's backups, with a fake clock: who waits, for how long, and who may take it."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import pytest
from bedplate.backup import lease
from bedplate.backup.errors import BackupError
from bedplate.backup.lease import Lease, hold_lease
from bedplate.backup.stores import Store, StoredObject
from bedplate.backup.stores.folder import FolderStore
from project import Project

NAME = "v1/app/lease.json"
HALF_AN_HOUR = 1800


@dataclass
class Clock:
    """A fake clock, which advances when the code sleeps; meanwhile other machines act."""

    now: float = 1_000_000.0
    meanwhile: Callable[[float], None] = lambda _passed: None
    started: float = 1_000_000.0

    def monotonic(self) -> float:
        """Return the seconds since some moment."""
        return self.now

    def time(self) -> float:
        """Return the seconds since another moment."""
        return self.now + 1e9

    def sleep(self, seconds: float) -> None:
        """Advance the clock."""
        assert 0 < seconds <= 1
        self.now += seconds
        self.meanwhile(self.passed)

    @property
    def passed(self) -> float:
        """The total time of sleep, in seconds."""
        return self.now - self.started


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock of the lease."""
    clock = Clock()
    monkeypatch.setattr(lease, "time", clock)
    return clock


@dataclass
class Said:
    """The output."""

    lines: list[str] = field(default_factory=list)

    def __call__(self, text: str) -> None:
        """Add a line to the output."""
        self.lines.append(text)


def hold(store: Store, said: Said | None = None, *, seconds: float = 90) -> AbstractContextManager[Lease]:
    """Hold the lease as this machine."""
    return hold_lease(store, NAME, holder="mine", seconds=seconds, say=said or Said())


def holder(store: Store) -> str:
    """Return the holder of the lease; an empty string if it is free."""
    if not list(store.list(NAME)):
        return ""
    return str(json.loads(store.read(NAME)[0])["holder"])


def alive(store: Store, clock: Clock, *, until: float = float("inf")) -> None:
    """Make another machine hold the lease, and renew it every 20 seconds until that second."""
    renewed = [0.0]
    store.write(NAME, b'{"holder": "another", "at": 0}')

    def renew(passed: float) -> None:
        if passed - renewed[0] >= 20 and passed <= until:
            renewed[0] = passed
            store.write(NAME, f'{{"holder": "another", "at": {passed}}}'.encode())

    clock.meanwhile = renew


def test_who_is_alive_is_waited_for_half_an_hour_and_not_disturbed(folder_store: FolderStore, clock: Clock) -> None:
    """Then the command fails with a message. The reason for waiting is printed once, not at each renewal."""
    alive(folder_store, clock)
    said = Said()
    with (
        pytest.raises(BackupError, match=r"has been writing .* for half an hour\. Try again later"),
        hold(folder_store, said),
    ):
        raise AssertionError("two machines hold the lease")
    assert clock.passed == HALF_AN_HOUR
    assert holder(folder_store) == "another"
    assert said.lines == [
        "Another machine (another) writes backups of this project: waiting for it, at most half an hour."
    ]


@pytest.mark.parametrize("work", ["back_up", "prune"])
def test_who_waited_in_vain_has_changed_nothing(embedded: Project, clock: Clock, work: str) -> None:
    alive(embedded.store, clock)
    with pytest.raises(BackupError, match="for half an hour"):
        getattr(embedded, work)()
    assert [stored.name for stored in embedded.store.list("v1/")] == [NAME]


@pytest.mark.parametrize("until", [0, 400])
def test_who_is_dead_is_waited_for_as_long_as_a_lease_lasts(
    folder_store: FolderStore, clock: Clock, until: float
) -> None:
    """The time counts from the last renewal that was seen."""
    alive(folder_store, clock, until=until)
    with hold(folder_store):
        assert holder(folder_store) == "mine"
    assert 90 <= clock.passed - until <= 92
    assert holder(folder_store) == ""


def test_a_long_lease_is_waited_for_longer(folder_store: FolderStore, clock: Clock) -> None:
    """Otherwise a dead machine would block all others forever."""
    folder_store.write(NAME, b'{"holder": "dead"}')
    with hold(folder_store, seconds=3000):
        assert 3000 <= clock.passed <= 3001


def test_a_long_lease_of_who_is_alive_is_waited_for_twice_as_long(folder_store: FolderStore, clock: Clock) -> None:
    alive(folder_store, clock)
    with pytest.raises(BackupError, match="half an hour"), hold(folder_store, seconds=3000):
        pass
    assert clock.passed == 6000


def test_a_short_lease_is_looked_at_more_often(folder_store: FolderStore, clock: Clock) -> None:
    folder_store.write(NAME, b'{"holder": "dead"}')
    with hold(folder_store, seconds=2.5):
        assert 2.5 <= clock.passed < 2.8


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"null", b"[" * 99999])
def test_a_lease_of_which_nothing_can_be_told_is_waited_for_too(
    folder_store: FolderStore, clock: Clock, text: bytes
) -> None:
    folder_store.write(NAME, text)
    said = Said()
    with hold(folder_store, said):
        assert clock.passed == 90
    assert said.lines[0].startswith("Another machine (unknown) writes")


def test_a_store_that_refuses_is_not_taken_for_a_free_lease(
    folder_store: FolderStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder_store.write(NAME, b'{"holder": "another"}')

    def refuse(_name: str) -> tuple[bytes, str]:
        raise BackupError("may not do this")

    with monkeypatch.context() as patch:
        patch.setattr(folder_store, "read", refuse)
        with pytest.raises(BackupError, match="may not do this"), hold(folder_store):
            pass
    assert (clock.passed, holder(folder_store)) == (0, "another")


def test_a_renewal_that_failed_does_not_lose_the_lease(
    folder_store: FolderStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store failed for a moment: an error is raised, and the next renewal continues from the last one."""
    with hold(folder_store) as mine:
        for error in (BackupError("away"), OSError("away")):

            def refuse(*_: object, error: Exception = error, **__: object) -> StoredObject:
                raise error

            with monkeypatch.context() as patch:
                patch.setattr(folder_store, "write", refuse)
                with pytest.raises(type(error), match="away"):
                    mine.renew()
            mine.renew()
    assert holder(folder_store) == ""


def test_a_lease_that_cannot_be_given_back_is_no_failure(
    folder_store: FolderStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease expires by itself."""

    def refuse(*_: object, **__: object) -> None:
        raise BackupError("away")

    with hold(folder_store):
        monkeypatch.setattr(folder_store, "delete", refuse)
    assert holder(folder_store) == "mine"


def test_what_becomes_free_is_taken_at_once(folder_store: FolderStore, clock: Clock) -> None:
    folder_store.write(NAME, b'{"holder": "another"}')
    clock.meanwhile = lambda passed: folder_store.delete(NAME) if passed >= 10 else None
    with hold(folder_store):
        assert 10 <= clock.passed <= 11


def test_what_is_free_or_ones_own_is_taken_without_a_word(folder_store: FolderStore, clock: Clock) -> None:
    said = Said()
    with hold(folder_store, said):
        assert holder(folder_store) == "mine"
    folder_store.write(NAME, b'{"holder": "mine"}')
    with hold(folder_store, said):
        pass
    assert (clock.passed, said.lines, holder(folder_store)) == (0, [], "")


def test_of_two_that_find_it_free_one_waits(
    folder_store: FolderStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other machine wrote between our read and write: we wait, and do not overwrite its lease."""
    write, beaten = folder_store.write, [False]

    def write_second(name: str, data: bytes, *, generation: str | None = None) -> StoredObject:
        if not beaten[0]:
            beaten[0] = True
            write(name, b'{"holder": "another"}')
        return write(name, data, generation=generation)

    monkeypatch.setattr(folder_store, "write", write_second)
    with hold(folder_store):
        assert 90 <= clock.passed <= 91


def test_confirming_renews_it(folder_store: FolderStore, clock: Clock) -> None:
    """Each lease object differs, even for a store that compares contents."""
    with hold(folder_store) as mine:
        first = folder_store.read(NAME)
        clock.now += 1
        mine.renew()
        second = folder_store.read(NAME)
        assert first[1] != second[1]
        assert first[0] != second[0]
        mine.renew()
    assert holder(folder_store) == ""


def test_who_has_lost_it_hears_so_each_time_and_leaves_it_to_the_other(folder_store: FolderStore, clock: Clock) -> None:
    with hold(folder_store) as mine:
        folder_store.write(NAME, b'{"holder": "another"}')
        for _ in range(2):
            with pytest.raises(BackupError, match=r"Another machine has taken over.*Try again"):
                mine.renew()
            assert holder(folder_store) == "another"
    assert holder(folder_store) == "another"


def test_who_has_lost_it_without_noticing_does_not_free_it(folder_store: FolderStore, clock: Clock) -> None:
    with hold(folder_store):
        folder_store.write(NAME, b'{"holder": "another"}')
    assert holder(folder_store) == "another"


def test_it_is_renewed_four_times_while_it_lasts(folder_store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is renewed even after an attempt with an unexpected error."""
    intervals, written_notes, write = list[float](), set[bytes](), folder_store.write

    class Event:
        def wait(self, interval: float) -> bool:
            intervals.append(interval)
            written_notes.add(folder_store.read(NAME)[0])
            return len(intervals) > 3

        def set(self) -> None:
            return

    class Thread:
        def __init__(self, *, target: Callable[..., None], args: tuple[object, ...], daemon: bool) -> None:
            assert daemon
            self.start, self.join = (lambda: target(*args)), (lambda: None)

    def write_and_fail(name: str, data: bytes, *, generation: str | None = None) -> StoredObject:
        if len(intervals) == 1:
            raise KeyError("size")
        return write(name, data, generation=generation)

    monkeypatch.setattr("bedplate.backup.lease.threading.Event", Event)
    monkeypatch.setattr("bedplate.backup.lease.threading.Thread", Thread)
    monkeypatch.setattr(folder_store, "write", write_and_fail)
    with hold(folder_store, seconds=100):
        assert intervals == [25] * 4
        assert len(written_notes) == 3, "the store did not hear of each renewal, but for the one that failed"
