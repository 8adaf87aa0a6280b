"""A lease that several threads of its holder renew: those of uploads, and the background thread."""

from concurrent.futures import ThreadPoolExecutor

from bedplate.backup.lease import hold_lease
from bedplate.backup.stores.folder import FolderStore


def test_threads_of_one_holder_do_not_take_the_lease_from_each_other(folder_store: FolderStore) -> None:
    """Each renewal continues from the previous one: none is taken for another machine's."""
    with (
        hold_lease(folder_store, "v1/app/lease.json", holder="this", seconds=0.2, say=print) as lease,
        ThreadPoolExecutor(8) as threads,
    ):
        for confirmed in [threads.submit(lease.renew) for _ in range(200)]:
            confirmed.result()
