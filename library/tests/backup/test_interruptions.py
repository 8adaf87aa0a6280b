"""Ctrl-C and SIGTERM: the exit status shows them, and the message says which data is live."""

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bedplate.backup.commands.authenticate import Prompt, authenticate
from bedplate.backup.configuration import Configuration
from bedplate.backup.errors import BackupError
from bedplate.backup.interruptions import Interruption, deferred_interruptions, handle_interruptions
from bedplate.backup.live_media import LiveMedia
from bedplate.backup.manifest import StoredFile
from bedplate.backup.transfer import Transfer
from commands import LIMIT, start
from fake_person import FakePerson
from project import Project, database_file, files, note, notes


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["-r", "latest"], "Interrupted. Nothing was replaced."), (["-b"], "Interrupted."), (["--undo"], "Interrupted. ")],
)
def test_an_interruption_is_no_error(
    embedded: Project, number: signal.Signals, status: int, arguments: list[str], words: str
) -> None:
    embedded.back_up()
    with embedded.session.work_directory.exclusive_lock(say=print), start(*arguments) as process:
        assert process.stdout
        assert "waiting for it" in process.stdout.readline()
        process.send_signal(number)
        said, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == status, said
    assert said.startswith(words)
    assert len(said.splitlines()) == 1


@pytest.fixture
def handled() -> Iterator[None]:
    """Handle signals as the command does."""
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    handle_interruptions()
    yield
    for number, handler in before:
        signal.signal(number, handler)


@pytest.mark.usefixtures("without_django", "handled")
def test_before_the_swap_nothing_is_replaced(embedded: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.back_up()
    note(embedded, "since then")
    before = database_file(embedded).read_bytes(), files(embedded.media)
    download = Transfer.download

    def interrupt_and_download(self: Transfer, file: StoredFile, path: Path) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        download(self, file, path)

    monkeypatch.setattr(Transfer, "download", interrupt_and_download)
    with pytest.raises(Interruption) as raised:
        embedded.restore()
    assert str(raised.value) == "Interrupted. Nothing was replaced."
    assert (database_file(embedded).read_bytes(), files(embedded.media)) == before
    assert embedded.remains == []


@pytest.mark.usefixtures("without_django", "handled")
@pytest.mark.parametrize("verb", [Project.restore, Project.undo])
@pytest.mark.parametrize("times", [1, 2])
def test_within_the_swap_it_waits_until_all_is_replaced(
    embedded: Project, monkeypatch: pytest.MonkeyPatch, verb: Callable[[Project], object], times: int
) -> None:
    """It holds even if Ctrl-C is pressed again during the cleanup."""
    (embedded.media / "late.txt").write_text("late")
    embedded.back_up()
    note(embedded, "three")
    (embedded.media / "late.txt").unlink()
    if verb is Project.undo:
        embedded.restore()
    before = notes(embedded), files(embedded.media)
    swap, presses = LiveMedia.swap, iter([signal.SIGINT] * times)

    def swap_and_interrupt(self: LiveMedia, restore: str) -> None:
        if number := next(presses, None):
            os.kill(os.getpid(), number)
        swap(self, restore)

    monkeypatch.setattr(LiveMedia, "swap", swap_and_interrupt)
    with pytest.raises(Interruption) as raised:
        verb(embedded)
    assert str(raised.value).startswith(
        "Interrupted. Everything was replaced by then: the restored data is live, and --undo "
    )
    assert raised.value.status == 130
    after = notes(embedded), files(embedded.media)
    assert after != before
    embedded.undo()
    assert (notes(embedded), files(embedded.media)) == before


@pytest.mark.usefixtures("handled")
def test_one_that_waited_is_not_raised_twice() -> None:
    with pytest.raises(Interruption), deferred_interruptions():
        os.kill(os.getpid(), signal.SIGTERM)
    with deferred_interruptions():
        pass


@pytest.mark.usefixtures("without_django")
def test_an_undoing_whose_media_are_not_replaced_says_so(embedded: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.back_up()
    (embedded.media / "a.txt").write_text("before the restore")
    embedded.restore()

    def fail(live: LiveMedia, _restore: str) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy", str(live.root))

    with monkeypatch.context() as patch:
        patch.setattr(LiveMedia, "swap", fail)
        with pytest.raises(BackupError, match=r"database was replaced, the media files were not yet"):
            embedded.undo()
    embedded.back_up()  # finishes the swap
    assert files(embedded.media)["a.txt"] == b"before the restore"


@pytest.mark.usefixtures("handled")
def test_ctrl_c_that_does_not_wake_the_wait_ends_the_sign_in(guarded: Configuration, person: FakePerson) -> None:
    main, deadline = threading.get_ident(), time.monotonic() + LIMIT

    def interrupt() -> None:
        while sys._current_frames()[main].f_code.co_name != "_first":  # noqa: SLF001 - the way to see another thread
            assert time.monotonic() < deadline
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    prompt = Prompt(say=lambda _: thread.start(), typed=None, time_limit=2 * LIMIT)
    with pytest.raises(Interruption):
        authenticate(guarded, key_file=None, port=person.port, prompt=prompt)
    assert time.monotonic() < deadline
    thread.join(LIMIT)
