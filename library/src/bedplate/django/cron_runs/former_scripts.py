"""Scripts that the base project had in `cron/tasks/`: the crontab of an older project may still name them."""

from pathlib import Path
from types import MappingProxyType
from typing import Final

TASKS: Final = Path("/cron/tasks")
# What the crontab says today instead of each script: time limit and command.
FORMER_SCRIPTS: Final = MappingProxyType(
    {
        "backup.sh": "6h python -m bedplate.backup --backup --scheduled",
        "prune_backups.sh": "1h python -m bedplate.backup --prune --scheduled",
        "verify_backup.sh": "6h python -m bedplate.backup --verify latest --scheduled",
        "check_backups.sh": "5m python -m bedplate.backup --check --scheduled",
        "renew_certificates.sh": "10m python -m bedplate.certificates renew",
        "prune_task_runs.sh": "10m python manage.py prune_task_runs",
        "prune_cron_runs.sh": "10m python manage.py prune_cron_runs",
        "clearsessions.sh": "10m python manage.py clearsessions",
    }
)


def without_former_script(command: str, *, tasks: Path = TASKS) -> str:
    """Return what replaces a former script, unless its file still exists. Return any other command unchanged."""
    script = Path(command)
    if script.parent != TASKS or script.name not in FORMER_SCRIPTS or (tasks / script.name).exists():
        return command
    return f"{script.stem} {FORMER_SCRIPTS[script.name]}"
