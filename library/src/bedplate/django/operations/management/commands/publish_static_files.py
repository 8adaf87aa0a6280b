"""`manage.py publish_static_files`: gives nginx the static files of this release, and keeps those of others."""

import filecmp
import os
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

KEPT_FOR: Final = timedelta(days=30)
BROTLI: Final = Path("br/static")  # see nginx/snippets/static-built.conf


class Command(BaseCommand):
    """Copies the collected static files to nginx's folder, in addition to those of earlier releases."""

    help = f"Copy the collected static files to a folder that keeps those of earlier releases for {KEPT_FOR.days} days."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the folder."""
        parser.add_argument("folder", type=Path, help="the folder that nginx serves")

    def handle(self, *_args: Any, folder: Path, **_options: Any) -> None:
        """Publish the files, and print their number."""
        last_time = min(newest(folder), time.time())  # the clock may have been ahead
        files = publish(Path(settings.STATIC_ROOT), folder)
        # Counted from the last publication: the running release keeps its files, however old it is.
        removed = remove_unneeded(folder, before=last_time - KEPT_FOR.total_seconds())
        self.stdout.write(f"{len(files)} static files are published, {len(removed)} old ones removed.")


def files_in(folder: Path) -> list[Path]:
    """Return the files in the folder and its subfolders."""
    return [path for path in folder.rglob("*") if path.is_file()]


def newest(folder: Path) -> float:
    """Return the time of the last published file, in seconds since 1970; 0 if there is none."""
    return max((path.stat().st_mtime for path in files_in(folder)), default=0)


def published_path(file: Path) -> Path:
    """Return the path of a collected file in the published folder. Brotli files have their own folder and no suffix."""
    return BROTLI / file.with_suffix("") if file.suffix == ".br" else file


def publish(source: Path, folder: Path) -> list[Path]:
    """Copy the files of `source` to `folder` atomically, with the current time. Return them."""
    files = [path.relative_to(source) for path in files_in(source)]
    for file in files:
        target = folder / published_path(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_file() and filecmp.cmp(source / file, target, shallow=False):
            os.utime(target)
        else:
            replace(target, source / file)
    return files


def replace(target: Path, source: Path) -> None:
    """Replace `target` by a copy of `source` atomically."""
    temporary = target.with_name(f".{target.name}.new")
    shutil.copyfile(source, temporary)
    temporary.replace(target)


def remove_unneeded(folder: Path, *, before: float) -> list[Path]:
    """Remove the files that were last published before `before` (seconds since 1970). Return them."""
    old = [path for path in files_in(folder) if path.stat().st_mtime < before]
    for path in old:
        path.unlink()
    return old
