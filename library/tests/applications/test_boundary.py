"""Where the library ends and the project begins."""

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
    """Yield the library's modules and what they import."""
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


def test_what_runs_on_the_machine_itself_needs_nothing_installed() -> None:
    host = {(path.name, name) for path, name in imported() if path.is_relative_to(SOURCES / "host")}
    ours = {(file, name) for file, name in host if name.startswith("bedplate.host")}
    assert ours
    installed = {(file, name) for file, name in host - ours if name.partition(".")[0] not in sys.stdlib_module_names}
    assert {file for file, _ in installed} == {"django_commands.py"}  # embedded mode runs it in its environment
    assert [(SOURCES / name).read_text() for name in ("__init__.py", "host/__init__.py")] == ["", ""]


@pytest.mark.parametrize(("name", "present_name"), PRESENT_NAMES.items())
def test_a_former_name_leads_to_the_same_module(name: str, present_name: str) -> None:
    former = importlib.import_module(name)
    now = importlib.import_module(present_name)
    assert former is now
    assert now.__spec__
    assert now.__spec__.name == now.__name__


def test_what_a_teams_code_imports_by_former_names_is_the_librarys_own() -> None:
    from bedplate.django.anonymising.registry import REGISTRY  # noqa: PLC0415
    from bedplate.django.media import models  # noqa: PLC0415
    from bedplate.django.operations import recorded  # noqa: PLC0415

    from anonymising.packages import rules  # noqa: PLC0415 - a former name
    from media.models import Document, path_of_owner  # noqa: PLC0415
    from operations.recorded import RecordedTask  # noqa: PLC0415

    assert (Document, path_of_owner, RecordedTask) == (models.Document, models.path_of_owner, recorded.RecordedTask)
    assert rules.__self__ is REGISTRY


def test_a_name_that_nothing_had_is_still_an_error() -> None:
    for name in ("config.nothing", "operations.nothing", "nothing"):
        with pytest.raises(ModuleNotFoundError, match="nothing"):
            importlib.import_module(name)


def test_a_project_may_take_a_former_name_for_itself(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media/__init__.py").write_text("OURS = True\n")
    code = "import bedplate.django, media; print(media.OURS, media.__file__)"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{SOURCES.parent}"}
    printed = subprocess.check_output([sys.executable, "-c", code], env=environment, cwd=tmp_path, text=True)
    assert printed.split() == ["True", str(tmp_path / "media/__init__.py")]


def test_a_folder_in_which_only_bytecode_is_left_takes_no_name(tmp_path: Path) -> None:
    (tmp_path / "caught_mail/__pycache__").mkdir(parents=True)
    code = "import bedplate.django, caught_mail.backend; print(caught_mail.__name__)"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{SOURCES.parent}"}
    printed = subprocess.check_output([sys.executable, "-c", code], env=environment, cwd=tmp_path, text=True)
    assert printed.split() == ["bedplate.django.caught_mail"]


def ours() -> list[AppConfig]:
    return [config for config in apps.get_app_configs() if config.name.startswith("bedplate.")]


def test_labels_and_tables_are_what_they_were() -> None:
    new = {"bedplate_accounts", "bedplate_development", "bedplate_theme"}
    assert {config.label for config in ours()} == {*APPLICATIONS, *new}
    tables = {str(model._meta.db_table) for config in ours() for model in config.get_models()}  # noqa: SLF001 - documented
    assert {"operations_taskrun", "cron_runs_cronrun", "media_document"} <= tables


@pytest.mark.django_db
def test_no_migration_is_made_in_the_library_whatever_a_team_sets(settings: Settings) -> None:
    settings.DEFAULT_AUTO_FIELD = "django.db.models.UUIDField"
    said = StringIO()
    call_command("makemigrations", *(config.label for config in ours()), "--check", "--dry-run", stdout=said)
    assert "No changes detected" in said.getvalue()


def test_tasks_are_called_what_earlier_releases_queued() -> None:
    queued = {
        "operations.tasks.sample",
        "users.tasks.send_account_already_exists",
        "users.tasks.send_confirmation",
        "users.tasks.send_message",
        "users.tasks.send_password_reset",
    }
    for application in ("accounts", "operations"):
        importlib.import_module(f"bedplate.django.{application}.tasks")
    assert queued <= set(current_app.tasks)
    assert [name for name in current_app.tasks if name.startswith("bedplate.")] == []
