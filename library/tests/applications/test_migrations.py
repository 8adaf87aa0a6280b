"""Migrations of the library run while the previous release still serves: it must survive them."""

import shutil
from pathlib import Path

import pytest
from bedplate.testing.migrations import survives
from django.apps import apps
from django.db import connection
from pytest_django import Settings

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="checks PostgreSQL's SQL"),
]

MIGRATION = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("operations", "{latest}")]
    operations = [migrations.{operation}]
"""
CHARACTERS = "models.CharField(max_length=9, {options})"


def test_running_release_survives_every_migration() -> None:
    """No migration of the library removes, renames or requires something that the previous release does not expect."""
    ours = [config.label for config in apps.get_app_configs() if config.name.startswith("bedplate.")]
    assert "operations" in ours
    assert survives(*ours)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (f'AddField("taskrun", "added", {CHARACTERS.format(options="null=True")})', True),
        (f'AddField("taskrun", "added", {CHARACTERS.format(options='db_default=""')})', True),
        (f'AddField("taskrun", "added", {CHARACTERS.format(options='default=""')})', False),
        ('RemoveField("taskrun", "message")', False),
        ('RenameField("taskrun", "message", "text")', False),
        ('DeleteModel("TaskRun")', False),
    ],
)
def test_incompatible_migrations_are_found(
    operation: str, expected: bool, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Additions are allowed; changes that break an INSERT or SELECT of the previous release are not."""
    package = tmp_path / f"migrations_{abs(hash(operation))}"
    shutil.copytree(Path(apps.get_app_config("operations").path) / "migrations", package)
    latest = max(path.stem for path in package.glob("0*.py"))
    (package / "9999_changed.py").write_text(MIGRATION.format(latest=latest, operation=operation))
    monkeypatch.syspath_prepend(tmp_path)
    settings.MIGRATION_MODULES = {"operations": package.name}
    assert survives("operations") is expected
