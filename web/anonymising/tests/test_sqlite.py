"""What SQLite alone needs."""

from pathlib import Path

from django.db.utils import ConnectionHandler

from anonymising.sqlite import SQLite

SECRET = "the secret of a deleted row"


def test_old_rows_are_not_left_in_the_files(tmp_path: Path, transactional_db: None) -> None:
    file = tmp_path / "database.sqlite3"
    # Debian's SQLite overwrites what it deletes, unless told otherwise; others do not.
    options = {"init_command": "PRAGMA journal_mode=WAL; PRAGMA secure_delete=OFF"}
    handler = ConnectionHandler(
        {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(file), "OPTIONS": options}}
    )
    connection = handler["default"]

    def bytes_of_all_files() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.iterdir())

    try:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE letters (body text)")
            cursor.execute("INSERT INTO letters VALUES (%s)", [SECRET])
            cursor.execute("DELETE FROM letters")
        assert SECRET.encode() in bytes_of_all_files()
        SQLite(connection).compact()
        assert SECRET.encode() not in bytes_of_all_files()
    finally:
        connection.close()
