"""`-l`: list the backups, newest first."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bedplate.backup.catalog import Backup
from bedplate.backup.session import Session

# Without a terminal, lines are not folded.
WIDTH_OF_A_FILE = 250


def list_backups(session: Session, *, as_json: bool) -> None:
    """Print the project's backups, of all environments."""
    found = session.backups()
    now = session.now()
    if as_json:
        print(json.dumps([describe(backup, now=now) for backup in found], indent=2))  # noqa: T201 - the result
    elif not found:
        session.progress.say(f"{session.store.url} has no backups of {session.source_project} yet.")
    else:
        console = Console()
        Console(width=None if console.is_terminal else WIDTH_OF_A_FILE).print(_table(found, now=now))


def describe(backup: Backup, *, now: datetime) -> dict[str, Any]:
    """Return a backup as JSON for scripts."""
    manifest, verification = backup.manifest, backup.verification
    return {
        "url": backup.url,
        "environment": backup.name.environment,
        "created": backup.name.created.isoformat(),
        "age_seconds": max(0, int((now - backup.name.created).total_seconds())),
        "size": manifest.size if manifest else None,
        "engine": f"{manifest.engine.name} {manifest.engine.version}" if manifest else None,
        "encrypted": manifest.encrypted if manifest else None,
        "signed": not backup.distrust,
        "distrust": backup.distrust or None,
        "verified": backup.verified,
        "verification": f"{verification.at.isoformat()} {verification.message}" if verification else None,
        "damage": backup.damage or None,
    }


def _table(found: Iterable[Backup], *, now: datetime) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("URL", overflow="fold")
    for heading in ("Made (UTC)", "Age", "From", "Size", "Database", "Signed", "Verified"):
        table.add_column(heading, no_wrap=True, justify="right" if heading in {"Age", "Size"} else "left")
    for backup in found:
        name, manifest = backup.name, backup.manifest
        table.add_row(
            _harmless(backup.url),
            f"{name.created:%Y-%m-%d %H:%M}",
            "future" if name.is_in_the_future(now) else age(now - name.created),
            name.environment,
            size(manifest.size) if manifest else "?",
            _harmless(f"{manifest.engine.name} {manifest.engine.version}") if manifest else "?",
            "[red]no[/]" if backup.distrust else "yes",
            _verified(backup),
        )
    return table


def _harmless(text: str) -> Text:
    """Return text from the store, which others may have written, without markup and terminal control characters."""
    return Text("".join(character for character in text if character.isprintable()))


def _verified(backup: Backup) -> str:
    verification = backup.verification
    if backup.manifest is None:
        return "[red]damaged[/]"
    if verification is None:
        return "no"
    return (
        f"[green]{verification.at:%Y-%m-%d}[/]" if verification.passed else f"[red]FAILED {verification.at:%Y-%m-%d}[/]"
    )


def age(span: timedelta) -> str:
    """Return a span of time in its largest unit."""
    minutes = max(0, int(span.total_seconds())) // 60
    for unit, length in (("d", 1440), ("h", 60)):
        if minutes >= length:
            return f"{minutes // length} {unit}"
    return f"{minutes} min"


def size(count: float) -> str:
    """Return a number of bytes in a readable unit."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004 - a unit is a thousand of the one before
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
