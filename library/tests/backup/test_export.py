"""`--export` in embedded mode: its output, and the unchanged live data."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from bedplate.backup.errors import BackupError
from project import Project, notes


@pytest.fixture
def keeping(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the media files that anonymization keeps, for tests to fill, as Django's tables are missing here."""
    kept: list[str] = []

    def manage(*arguments: str, **_variables: object) -> str:
        if "--kept-files" in arguments:
            Path(arguments[arguments.index("--kept-files") + 1]).write_text(json.dumps(kept))
        return ""

    monkeypatch.setattr("bedplate.backup.staging.manage", manage)
    return kept


def test_database_is_whole_and_one_file(embedded: Project, keeping: list[str], tmp_path: Path) -> None:
    """Any SQLite opens it. The live database, which is in use, is unchanged, and no temporary file stays."""
    with closing(sqlite3.connect(embedded.configuration.variables.data_directory / "database.sqlite3")) as reading:
        reading.execute("BEGIN")
        reading.execute("SELECT * FROM notes").fetchall()
        exported = embedded.export("database")
    assert list(exported) == ["database.sqlite3"]
    (tmp_path / "copy").write_bytes(exported["database.sqlite3"])
    with closing(sqlite3.connect(tmp_path / "copy")) as connection:
        assert connection.execute("SELECT note FROM notes").fetchall() == [("one",), ("two",)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert notes(embedded) == ["one", "two"]
    assert embedded.remains == []


def test_anonymized_media_are_those_that_a_rule_keeps(embedded: Project, keeping: list[str]) -> None:
    """The others are left out; without anonymization, all are exported."""
    keeping.append("b.txt")
    assert embedded.export("media") == {"media/b.txt": b"second"}
    assert embedded.export("media", anonymized=False) == {"media/a.txt": b"first", "media/b.txt": b"second"}
    assert set(embedded.export("media", "database")) == {"database.sqlite3", "media/b.txt"}


def test_what_cannot_be_anonymized_is_not_exported(embedded: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the database is written, and nothing is left."""

    def refuse(*arguments: str, **_variables: object) -> str:
        if "anonymise" in arguments:
            raise BackupError("no rule for users.User.nickname")
        return ""

    monkeypatch.setattr("bedplate.backup.staging.manage", refuse)
    with pytest.raises(BackupError, match="nickname"):
        embedded.export("database", "media")
    assert (notes(embedded), embedded.remains) == (["one", "two"], [])


def test_no_room_is_told_before_anything_is_copied(embedded: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy of the live database would fill the disk."""
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=0))
    with pytest.raises(BackupError, match="0 are free"):
        embedded.export("database")
    assert embedded.remains == []


@pytest.mark.parametrize("parts", ["", "code", "database,code"])
def test_unknown_parts_are_refused(embedded: Project, parts: str) -> None:
    """The message lists the valid ones."""
    command = [sys.executable, "-m", "bedplate.backup", f"--export={parts}"]
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(command, env=variables, capture_output=True, check=False, text=True)
    assert (result.returncode, result.stdout) == (2, "")
    assert "--export" in result.stderr
