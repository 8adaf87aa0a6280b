"""The boundary between the library and the project."""

import ast
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Final

import bedplate
import pytest
from bedplate.django.former_names import APPLICATIONS, PRESENT_NAMES
from celery import current_app
from django.apps import AppConfig, apps
from django.conf import settings
from django.core.management import call_command
from pytest_django import Settings

SOURCES: Final = Path(bedplate.__file__).parent


def imported() -> Iterator[tuple[Path, str]]:
    """Yield the library's modules with their imports."""
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield path, str(node.module)


def test_the_library_imports_nothing_of_the_project() -> None:
    folders = {path.name for path in settings.BASE_DIRECTORY.iterdir() if path.is_dir()} | {"conftest", "manage"}
    assert {"config", "users", "pages"} <= folders
    of_project = [(path.name, name) for path, name in imported() if name.partition(".")[0] in folders]
    assert of_project == []


def test_the_host_commands_import_only_the_standard_library() -> None:
    host = {(path.name, name) for path, name in imported() if path.is_relative_to(SOURCES / "host")}
    ours = {(file, name) for file, name in host if name.startswith("bedplate.host")}
    assert ours
    installed = {(file, name) for file, name in host - ours if name.partition(".")[0] not in sys.stdlib_module_names}
    assert {file for file, _ in installed} == {"django_commands.py"}  # embedded mode runs it in its environment
    assert (SOURCES / "__init__.py").read_text() == ""


@pytest.mark.parametrize(("name", "present_name"), PRESENT_NAMES.items())
def test_a_former_name_imports_the_same_module(name: str, present_name: str) -> None:
    former = importlib.import_module(name)
    now = importlib.import_module(present_name)
    assert former is now
    assert now.__spec__
    assert now.__spec__.name == now.__name__


def test_imports_by_former_names_return_the_librarys_objects() -> None:
    from bedplate.django.anonymization.registry import REGISTRY  # noqa: PLC0415
    from bedplate.django.media import models  # noqa: PLC0415
    from bedplate.django.operations import run_tracking  # noqa: PLC0415

    from anonymising.packages import rules  # noqa: PLC0415 - a former name
    from media.models import Document, path_of_owner  # noqa: PLC0415
    from operations.recorded import RecordedTask  # noqa: PLC0415

    assert (Document, path_of_owner, RecordedTask) == (models.Document, models.path_of_owner, run_tracking.TrackedTask)
    assert rules.__self__ is REGISTRY


@pytest.mark.parametrize(
    "entry", ["anonymising", "bedplate.django.anonymising", "bedplate.django.anonymising.apps.AnonymisingConfig"]
)
def test_a_former_name_in_installed_apps_means_the_same_application(entry: str) -> None:
    config = AppConfig.create(entry)
    assert (config.name, config.label) == ("bedplate.django.anonymization", "anonymising")


def test_an_unknown_name_is_still_an_error() -> None:
    for name in ("config.nothing", "operations.nothing", "nothing"):
        with pytest.raises(ModuleNotFoundError, match="nothing"):
            importlib.import_module(name)


def test_a_project_can_use_a_former_name_itself(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media/__init__.py").write_text("OURS = True\n")
    code = "import bedplate.django, media; print(media.OURS, media.__file__)"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{SOURCES.parent}"}
    printed = subprocess.check_output([sys.executable, "-c", code], env=environment, cwd=tmp_path, text=True)
    assert printed.split() == ["True", str(tmp_path / "media/__init__.py")]


def test_a_folder_with_only_bytecode_does_not_hide_a_former_name(tmp_path: Path) -> None:
    (tmp_path / "caught_mail/__pycache__").mkdir(parents=True)
    code = "import bedplate.django, caught_mail.backend; print(caught_mail.__name__)"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{SOURCES.parent}"}
    printed = subprocess.check_output([sys.executable, "-c", code], env=environment, cwd=tmp_path, text=True)
    assert printed.split() == ["bedplate.django.caught_mail"]


def ours() -> list[AppConfig]:
    return [config for config in apps.get_app_configs() if config.name.startswith("bedplate.")]


def test_labels_and_tables_are_unchanged() -> None:
    new = {
        "bedplate_accounts",
        "bedplate_api",
        "bedplate_development",
        "bedplate_operations_page",
        "bedplate_outbox",
        "bedplate_theme",
    }
    assert {config.label for config in ours()} == {*APPLICATIONS, *new}
    tables = {str(model._meta.db_table) for config in ours() for model in config.get_models()}  # noqa: SLF001 - documented
    assert {"operations_taskrun", "cron_runs_cronrun", "media_document"} <= tables


@pytest.mark.django_db
def test_a_teams_settings_cause_no_migration_in_the_library(settings: Settings) -> None:
    settings.DEFAULT_AUTO_FIELD = "django.db.models.UUIDField"
    said = StringIO()
    call_command("makemigrations", *(config.label for config in ours()), "--check", "--dry-run", stdout=said)
    assert "No changes detected" in said.getvalue()


def test_task_names_are_unchanged() -> None:
    queued = {
        "media.tasks.remove_files",
        "operations.tasks.sample",
        "users.tasks.send_account_already_exists",
        "users.tasks.send_invitation",
        "users.tasks.send_confirmation",
        "users.tasks.send_message",
        "users.tasks.send_password_reset",
    }
    for application in ("accounts", "media", "operations"):
        importlib.import_module(f"bedplate.django.{application}.tasks")
    assert queued <= set(current_app.tasks)
    assert [name for name in current_app.tasks if name.startswith("bedplate.")] == []
