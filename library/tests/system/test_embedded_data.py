"""The data of embedded mode: backed up, restored, handed over."""

import secrets
import subprocess
from pathlib import Path
from urllib.error import HTTPError

import pytest
from bedplate.host.embedded import configuration
from bedplate.testing.checkout import committed
from documents import commands_of
from embedded_mode import Running, google_storage, logged_in_visitor, manage, start_task, wait_until_succeeded
from packing import unpack


def test_backups_restore_while_the_site_runs(installed: Path, running: Running) -> None:
    """A backup brings back its data, --undo the replaced data; the site shows both without a restart."""
    visitor = logged_in_visitor(running)
    before = start_task(visitor, seconds=1)
    wait_until_succeeded(visitor, before)
    backup = google_storage(installed, "--backup")
    after = start_task(visitor, seconds=1)
    wait_until_succeeded(visitor, after)
    google_storage(installed, "--verify", "latest")
    google_storage(installed, "--restore", backup)
    assert visitor.get_json(before)["state"] == "succeeded"
    with pytest.raises(HTTPError):
        visitor.get_json(after)
    google_storage(installed, "--undo")
    assert visitor.get_json(after)["state"] == "succeeded"


@pytest.mark.slow
def test_archive_brings_the_data_to_another_folder(installed: Path, tmp_path: Path) -> None:
    """An archive of embedded mode, used as its HAND_OVER.md says, has its data, anonymized."""
    address = f"{secrets.token_hex(6)}@customer.example"
    make_user = f"from users.models import User; User.objects.create_user({address!r}); print(User.objects.count())"
    users = int(manage(installed, make_user))
    archive = tmp_path / "shop.zip"
    with committed(installed):
        subprocess.run(
            [installed / "bedplate", "archive", "--yes", "--database", "--media", "--output", archive],
            check=True,
            capture_output=True,
        )
    folder = unpack(archive, tmp_path / "unpacked")
    assert address.encode() not in (folder / "database.sqlite3").read_bytes()
    commands = "".join(commands_of(folder / "HAND_OVER.md", section="Restore the data"))
    result = subprocess.run(["bash", "-ec", commands], cwd=folder, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    emails = manage(folder, "from users.models import User; print(*User.objects.values_list('email', flat=True))")
    own = configuration.read(folder / ".env.embedded")["DEFAULT_USER_EMAIL"]
    assert len(emails.split()) == users + 1
    assert [email for email in emails.split() if not email.endswith("@example.invalid")] == [own]
