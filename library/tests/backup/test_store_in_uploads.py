"""A folder store inside of the application's folders is refused, under any name: others could read and change it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bedplate.backup.configuration import Configuration
from bedplate.backup.errors import WrongUseError
from command import environment
from project import Configure
from test_mounted_media import NAMESPACE

REFUSED = "which is not for backups"


def same(configuration: Configuration, _: Path) -> Path:
    """Return the uploads themselves."""
    return configuration.media


def below(configuration: Configuration, _: Path) -> Path:
    """Return a folder that nginx serves to anyone, and that is not there yet."""
    return configuration.media / "public" / "backups"


def with_dots(configuration: Configuration, _: Path) -> Path:
    """Return a folder of the uploads by another text."""
    return configuration.media / "public" / ".." / "private"


def through_link(configuration: Configuration, elsewhere: Path) -> Path:
    """Return a link outside, to a folder of the uploads."""
    link = elsewhere / "backups"
    link.symlink_to(configuration.media)
    return link / "private"


def through_link_of_the_application(configuration: Configuration, elsewhere: Path) -> Path:
    """Return a link in the uploads to a folder elsewhere: the application could point it to another one."""
    link = configuration.media / "backups"
    link.symlink_to(elsewhere)
    return link


def scratch(configuration: Configuration, _: Path) -> Path:
    """Return a folder among unfinished data, which the next backup would remove."""
    return configuration.work / "backups"


@pytest.mark.parametrize("store", [same, below, with_dots, through_link, through_link_of_the_application, scratch])
def test_store_in_a_folder_of_the_application(
    configure: Configure, tmp_path: Path, store: Callable[[Configuration, Path], Path]
) -> None:
    """Neither BACKUP_URL nor a URL as an argument can name it, and it is not made."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    configuration = configure()
    (configuration.media / "private").mkdir(parents=True)
    configuration.work.mkdir()
    url = f"file://{store(configuration, elsewhere)}"
    before = set(tmp_path.rglob("*"))
    with pytest.raises(WrongUseError, match=REFUSED):
        configuration.open_store(url)
    with pytest.raises(WrongUseError, match=REFUSED):
        configure(BACKUP_URL=url).open_store()
    assert set(tmp_path.rglob("*")) == before


def test_store_beside_the_uploads(configure: Configure, tmp_path: Path) -> None:
    """A folder whose name only begins like theirs is one of its own; so is one in the data directory."""
    configuration = configure()
    configuration.media.mkdir(parents=True)
    beside = tmp_path / "data/uploads of others"
    beside.mkdir()
    for url in (beside.as_uri(), (tmp_path / "data/backups").as_uri()):
        configuration.open_store(url).write("a/b", b"text")


@pytest.mark.parametrize("mounted", ["", "/private"])
def test_second_mount_of_the_uploads(configure: Configure, tmp_path: Path, mounted: str) -> None:
    """The uploads, or a folder among them, mounted elsewhere too: the texts have nothing in common."""
    configuration = configure()
    (configuration.media / "private").mkdir(parents=True)
    store = tmp_path / "srv/backups"
    store.mkdir(parents=True)
    script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    command = [sys.executable, "-m", "bedplate.backup", "--backup"]
    result = subprocess.run(
        [*NAMESPACE, "sh", "-c", script, "sh", f"{configuration.media}{mounted}", store, *command],
        env=environment() | {"BACKUP_URL": store.as_uri()},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert result.returncode == 2, result.stderr
    assert REFUSED in " ".join(result.stderr.split())
    assert [path.name for path in configuration.media.iterdir()] == ["private"]
