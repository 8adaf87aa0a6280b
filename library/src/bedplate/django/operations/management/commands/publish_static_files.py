"""`manage.py publish_static_files`: nginx gets the files that pages of this release name, and keeps those of others."""

import filecmp
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

KEPT_FOR: Final = timedelta(days=30)
BROTLI: Final = Path("br/static")  # see nginx/snippets/static-built.conf


class Command(BaseCommand):
    """Copies the collected static files to where nginx serves them, beside those of earlier releases."""

    help = "Copy the collected static files into a folder that keeps those of earlier releases for a while."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the folder."""
        parser.add_argument("folder", type=Path, help="where nginx serves them from")

    def handle(self, *_args: Any, folder: Path, **_options: Any) -> None:
        """Publish the files, and tell how many there are."""
        last_time = newest(folder)
        files = publish(Path(settings.STATIC_ROOT), folder)
        # Counted from the last time on: the release that serves until now keeps its files, however old it is.
        removed = remove_unneeded(folder, before=last_time - KEPT_FOR.total_seconds())
        self.stdout.write(f"{len(files)} static files are published, {len(removed)} old ones removed.")


def files_in(folder: Path) -> list[Path]:
    """Return the files in the folder and those below."""
    return [path for path in folder.rglob("*") if path.is_file()]


def newest(folder: Path) -> float:
    """Return when a file in the folder was last published, in seconds since 1970; 0 when none was."""
    return max((path.stat().st_mtime for path in files_in(folder)), default=0)


def place_of(file: Path) -> Path:
    """Return where the published folder has a collected file: brotli's apart, each under the name it is asked by."""
    return BROTLI / file.with_suffix("") if file.suffix == ".br" else file


def publish(source: Path, folder: Path) -> list[Path]:
    """Return the files of `source`, now in `folder` too, each whole at any time, its time that of this release."""
    files = [path.relative_to(source) for path in files_in(source)]
    for file in files:
        target = folder / place_of(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_file() and filecmp.cmp(source / file, target, shallow=False):
            os.utime(target)
        else:
            replace(target, source / file)
    return files


def replace(target: Path, source: Path) -> None:
    """Put a copy of `source` in the place of `target` in one move."""
    arriving = target.with_name(f".{target.name}.new")
    shutil.copyfile(source, arriving)
    arriving.replace(target)


def remove_unneeded(folder: Path, *, before: float) -> list[Path]:
    """Return the files that no release published since `before` (seconds since 1970) had, now removed."""
    old = [path for path in files_in(folder) if path.stat().st_mtime < before]
    for path in old:
        path.unlink()
    return old
