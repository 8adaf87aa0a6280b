"""A database of 5,000 tables."""

import time

import pytest
from picture import connect
from project import Project

pytestmark = [pytest.mark.postgresql, pytest.mark.slow, pytest.mark.usefixtures("without_django")]

TABLES = 5000


def test_thousands_of_tables_come_back_in_bearable_time(project: Project) -> None:
    with connect(project.configuration.variables) as connection:
        connection.execute(f"""
            DO $$ BEGIN FOR n IN 1..{TABLES} LOOP
                EXECUTE format('CREATE TABLE t%s (id integer)', n);
                EXECUTE format('INSERT INTO t%s SELECT generate_series(1, %s)', n, n % 3);
                IF n % 500 = 0 THEN COMMIT; END IF;
            END LOOP; END $$
        """)
    started = time.monotonic()
    manifest = project.back_up()
    backed_up = time.monotonic()
    project.restore()
    restored = time.monotonic()
    assert len(manifest.files) > TABLES
    with connect(project.configuration.variables) as connection:
        counted = connection.execute("SELECT count(*) FROM pg_stat_user_tables").fetchall()
    assert counted == [(TABLES,)]
    assert (backed_up - started, restored - backed_up) < (60, 90)
