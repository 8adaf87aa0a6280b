"""The leftovers in a folder of a machine that was killed while it took the lease."""

from pathlib import Path

import pytest
from bedplate.backup.stores.folder import UNFINISHED
from project import Project

pytestmark = pytest.mark.usefixtures("without_django")


@pytest.mark.parametrize("work", ["prune", "back_up"])
def test_unfinished_lease_is_removed(embedded: Project, tmp_path: Path, work: str) -> None:
    """The next command that writes removes it, and leaves other projects alone."""
    embedded.back_up()
    folder = tmp_path / "a folder of backups/v1"
    ours, other = (folder / project / f"{UNFINISHED}3f2a" for project in ("app", "app2"))
    for path in (ours, other):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b'{"holder"')
    getattr(embedded, work)()
    assert not ours.exists()
    assert other.exists()
