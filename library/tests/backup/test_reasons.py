"""The cause of a failed pg_restore, server or backup: lines as PostgreSQL 18 and its tools print them."""

import pytest
from bedplate.backup.databases.tools import is_of_the_server


@pytest.mark.parametrize(
    "said",
    [
        'connection to server at "postgres" (172.18.0.2), port 5432 failed: Connection refused',
        'connection to server on socket "/run/.s.PGSQL.5432" failed: FATAL:  the database system is in recovery mode',
        'connection to server at "postgres" (172.18.0.2), port 5432 failed: FATAL:  sorry, too many clients already',
        "could not execute query: FATAL:  terminating connection due to administrator command",
        "could not execute query: server closed the connection unexpectedly",
        "could not execute query: ERROR:  permission denied to COPY to or from an external program",
        "could not execute query: ERROR:  must be owner of extension postgis",
        "could not execute query: ERROR:  out of memory",
        "could not execute query: ERROR:  could not resize shared memory segment to 8 bytes: No space left on device",
        'could not execute query: ERROR:  could not create file "base/1/2": No space left on device',
        'COPY failed for table "notes": ERROR:  could not extend file "base/16384/16385": No space left on device',
        'COPY failed for table "a: b": ERROR:  canceling statement due to user request',
        "error returned by PQputCopyData: server closed the connection unexpectedly",
        'could not open input file "/data/3456.dat": Too many open files',
        "a worker process died unexpectedly",
        "could not create worker process: Resource temporarily unavailable",
        'could not execute query: ERROR:  temporary file size exceeds "temp_file_limit" (1024kB)',
        "could not execute query: ERROR:  only superuser can define a leakproof function",
        "query failed: ERROR:  out of memory",
        "could not execute query: ERROR:  deadlock detected",
    ],
)
def test_of_the_server(said: str) -> None:
    assert is_of_the_server(f"pg_restore: error: {said}")


@pytest.mark.parametrize(
    "said",
    [
        'could not execute query: ERROR:  could not create unique index "by_note"',
        'could not execute query: ERROR:  invalid input syntax for type integer: "connection to server"',
        'could not execute query: ERROR:  value "out of memory" is out of range for type integer',
        'could not execute query: ERROR:  relation "terminating connection" already exists',
        'COPY failed for table "No space left on device": ERROR:  missing data for column "permission denied"',
        'COPY failed for table "terminating ": ERROR:  new row for relation "must be owner" violates check constraint',
        'could not open input file "/data/3456.dat": No such file or directory',
        "could not uncompress data: Data corruption detected",
        "found unexpected block ID (1) when reading data -- expected 3456",
    ],
)
def test_of_the_backup(said: str) -> None:
    assert not is_of_the_server(f"pg_restore: error: {said}")
