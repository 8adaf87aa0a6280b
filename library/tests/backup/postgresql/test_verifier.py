"""The drill in the verifier: its results, its safety, and the live data that it does not touch."""

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, LiteralString

import pytest
from bedplate.backup.databases import verifier
from bedplate.backup.errors import BackupError
from bedplate.environment import Environment
from picture import Picture, connect, picture
from project import Execute, Project
from psycopg import sql
from verifying import LIMIT, is_at_rest, start, wait_until

pytestmark = pytest.mark.postgresql

SHARED: Final = verifier.SHARED
MARK: Final = "/tmp/pwned"  # noqa: S108 - in the containers of the servers
PROGRAM: Final = f"touch {SHARED}/pwned {MARK}"
# It would run while the view is refreshed, in a restore by a superuser.
HOSTILE: Final[LiteralString] = """
    CREATE FUNCTION mischief() RETURNS integer LANGUAGE plpgsql AS $$
    BEGIN
        IF {condition} THEN EXECUTE {copy}; END IF;
        RETURN 1;
    END $$;
    CREATE MATERIALIZED VIEW trap AS SELECT mischief() AS made WITH NO DATA;
"""


@pytest.fixture(autouse=True)
def verifier_is_clean() -> object:
    """Require that the verifier is idle and usable after each test."""
    yield
    wait_until(is_at_rest, what="the verifier is at rest")


def fill(project: Project) -> Picture:
    """Fill the project's database with a table, and add a media file. Return the database's content."""
    with connect(project.configuration.variables) as connection:
        connection.execute(
            "CREATE TABLE notes AS SELECT n, repeat('x', 100) AS note FROM generate_series(1, 50000) AS n"
        )
    (project.media / "a.txt").write_text("a")
    return picture(project.configuration.variables)


def trap(project: Project, *, condition: LiteralString) -> None:
    """Create a view in the project's database that runs a program when it is filled."""
    copy = sql.Literal(f"COPY (SELECT 1) TO PROGRAM '{PROGRAM}'")
    with connect(project.configuration.variables) as connection:
        connection.execute(sql.SQL(HOSTILE).format(condition=sql.SQL(condition), copy=copy))
        # Filled without the program, so that a restore fills it.
        connection.execute("ALTER FUNCTION mischief() RENAME TO mischief_")
        connection.execute("CREATE FUNCTION mischief() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
        connection.execute("DROP MATERIALIZED VIEW trap; CREATE MATERIALIZED VIEW trap AS SELECT mischief() AS made")
        body = connection.execute("SELECT prosrc FROM pg_proc WHERE proname = 'mischief_'").fetchall()[0][0]
        replace = "CREATE OR REPLACE FUNCTION mischief() RETURNS integer LANGUAGE plpgsql AS {}"
        connection.execute(sql.SQL(replace).format(sql.Literal(body)))
        connection.execute("DROP FUNCTION mischief_")


def program_has_run(server: Environment) -> bool:
    """Return whether the trap's program has run, in the verifier or on the live server."""
    with connect(server, "postgres") as connection:
        seen = connection.execute("SELECT pg_stat_file(%s, true) IS NOT NULL", [MARK]).fetchall()
    return (SHARED / "pwned").exists() or seen == [(True,)]


@pytest.mark.usefixtures("without_django")
def test_a_program_for_superusers_is_not_run(project: Project, server: Environment) -> None:
    """The trap checks its rights first, so that its backup is dumped and restored without an error."""
    trap(project, condition="(SELECT rolsuper FROM pg_roles WHERE rolname = current_user)")
    project.back_up()
    project.verify()
    assert not program_has_run(server)


@pytest.mark.usefixtures("without_django")
def test_a_program_that_is_run_in_any_case_fails_the_drill(project: Project, server: Environment) -> None:
    """The error is PostgreSQL's own message."""
    trap(project, condition="true")
    project.back_up()
    with pytest.raises(BackupError, match="permission denied to COPY to or from an external program"):
        project.verify()
    assert not program_has_run(server)


@pytest.mark.usefixtures("without_django")
def test_what_only_a_superuser_may_restore_is_left_out_and_told(project: Project, as_superuser: Execute) -> None:
    with connect(project.configuration.variables) as connection:
        connection.execute("CREATE TABLE kept (id integer)")
    as_superuser(
        project,
        """
            CREATE FUNCTION nothing() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
            CREATE EVENT TRIGGER "at the end" ON ddl_command_end WHEN TAG IN ('DROP TYPE') EXECUTE FUNCTION nothing();
        """,
    )
    project.back_up()
    project.verify()
    assert "Left out, as only a superuser may restore them: event trigger at the end." in project.said.getvalue()
    as_superuser(project, 'DROP EVENT TRIGGER "at the end"')


@pytest.mark.usefixtures("without_django")
def test_an_extension_that_is_not_on_the_list_is_refused_with_the_setting(
    project: Project, as_superuser: Execute
) -> None:
    as_superuser(project, "CREATE EXTENSION file_fdw")
    project.back_up()
    with pytest.raises(BackupError, match=r"extension file_fdw.* VERIFIER_EXTENSIONS in"):
        project.verify()


@pytest.mark.usefixtures("without_django")
def test_a_policy_for_a_role_that_is_missing_is_no_obstacle(project: Project, role: str) -> None:
    with connect(project.configuration.variables) as connection:
        connection.execute("CREATE TABLE papers (id integer)")
        connection.execute("ALTER TABLE papers ENABLE ROW LEVEL SECURITY")
        connection.execute(sql.SQL("CREATE POLICY hers ON papers TO {} USING (true)").format(sql.Identifier(role)))
    project.back_up()
    project.verify()


@pytest.mark.usefixtures("without_django")
@pytest.mark.parametrize("harm", ["gone", pytest.param("does not answer", marks=pytest.mark.slow)])
def test_a_drill_needs_no_live_database(project: Project, harm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a live database, a good backup is needed most."""
    fill(project)
    project.back_up()
    name = project.configuration.variables.postgres_db
    if harm == "gone":
        with connect(project.configuration.variables, "postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    else:
        monkeypatch.setenv("POSTGRES_HOST", "127.0.0.1")  # the socket of this container, which has no server
    drill = start(project, "--verify", "latest")
    said, _ = drill.communicate(timeout=LIMIT)
    if harm == "gone":
        assert f"PostgreSQL has no database {name}" in said
    assert drill.returncode == 0, said


def test_a_drill_changes_nothing_live(site: Project) -> None:
    before = fill(site)
    site.back_up()
    site.verify()
    assert picture(site.configuration.variables) == before
    assert site.remains == []
    with connect(site.configuration.variables, "postgres") as connection:
        found = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE '%_staging_%'").fetchall()
    assert found == []


def test_a_backup_of_newer_code_is_refused_as_by_a_restore(site: Project) -> None:
    """A verified backup can be restored. Newer code made this one, as after `./bedplate deploy --rollback`."""
    with connect(site.configuration.variables) as connection:
        connection.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('users', '0999_from_the_future', now())"
        )
    site.back_up()
    said = []
    for work in (site.restore, site.verify):
        with pytest.raises(
            BackupError, match=r"newer code.* has the migrations users\.0999_from_the_future"
        ) as refused:
            work()
        said.append(str(refused.value))
    assert said[0] == f"{said[1]} Nothing was replaced."


@pytest.mark.parametrize("moment", [0.0, pytest.param(0.6, marks=pytest.mark.slow)])
def test_a_killed_drill_leaves_nothing_and_the_next_one_passes(site: Project, moment: float) -> None:
    """The kernel closes the pipe of a killed drill, and the verifier removes the server."""
    before = fill(site)
    site.back_up()
    started = time.monotonic()
    site.verify()
    seconds = time.monotonic() - started
    drill = start(site, "--verify", "latest")
    wait_until(lambda: not is_at_rest(), what="the drill has a server")
    try:
        drill.wait(timeout=moment * seconds)
    except subprocess.TimeoutExpired:
        drill.send_signal(signal.SIGKILL)
    drill.communicate()
    wait_until(is_at_rest, what="the verifier is at rest")
    site.verify()
    assert (picture(site.configuration.variables), site.remains) == (before, [])


def test_a_run_right_after_another_is_answered(site: Project) -> None:
    """The pipe has a reader even while the leftovers of the previous run are removed."""
    for _ in range(100):
        pipe = verifier._open_pipe(SHARED / "requests")  # noqa: SLF001 - what it is about
        try:
            deadline = time.monotonic() + 0.03
            while time.monotonic() < deadline:
                assert not verifier.Run(SHARED, "none", pipe).is_deserted()
        finally:
            os.close(pipe)
    fill(site)
    site.back_up()
    site.verify()


def test_two_drills_at_once_both_pass(site: Project) -> None:
    """They run one after the other."""
    fill(site)
    site.back_up()
    drills = [start(site, "--verify", "latest") for _ in range(2)]
    said = [drill.communicate(timeout=2 * LIMIT)[0] for drill in drills]
    assert [drill.returncode for drill in drills] == [0, 0], said


@pytest.mark.parametrize("folder", ["missing", "empty"])
def test_without_a_verifier_people_are_told_how_to_start_it(
    site: Project, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result of an earlier drill stays valid."""
    site.back_up()
    site.verify()
    monkeypatch.setattr(verifier, "LOCK_TIMEOUT_SECONDS", 1.0)
    if folder == "empty":
        (tmp_path / "missing").mkdir()
    monkeypatch.setattr("bedplate.backup.isolation.SHARED", tmp_path / "missing")
    with pytest.raises(BackupError, match="docker compose up -d verifier"):
        site.verify()
    assert [backup.verified for backup in site.session.backups()] == [True]


@pytest.mark.parametrize(
    "request_line",
    [
        "../../etc start",
        "$(touch /run/verifier/pwned) start",
        "x" * 65 + " start",
        "start",
        "",
        "\x00\xff\x1b[2J start",
        "abc stop; touch /run/verifier/pwned",
    ],
)
def test_a_hostile_request_starts_nothing(request_line: str) -> None:
    with _pipe() as ask:
        ask(request_line)
        ask(f"{(good := secrets.token_hex(4))} start")  # and the next request is answered
        wait_until(lambda: _state() == f"{good} ready", what="the verifier answers the next one")
        for extension in (
            "../evil:61",
            "bloom:zz",
            "bloom:$(id)",
            "bloom",
            "bloom:6;1",
            f"bloom:{'61' * 64}",
            "BLOOM:61",
            f"bloom:{b'information_schema'.hex()}",
            f"bloom:{b'pg_catalog'.hex()}",
        ):
            ask(f"{good} extensions {extension}")
            wait_until(lambda: _state().startswith(f"{good} refused"), what=f"{extension} is refused")
            ask(f"{good} extensions")
            wait_until(lambda: _state() == f"{good} extended", what="the next request is answered")
    assert not (SHARED / "pwned").exists()


def test_a_request_that_comes_in_two_parts_is_answered() -> None:
    """The verifier checks its server twice a second, perhaps in the middle of a line."""
    with _pipe() as ask:
        name = secrets.token_hex(4)
        ask(f"{name} sta", end="")
        time.sleep(0.7)
        ask("rt")
        wait_until(lambda: _state() == f"{name} ready", what="the verifier answers")


def _state() -> str:
    return (SHARED / "state").read_text().strip() if (SHARED / "state").exists() else ""


class _pipe:  # noqa: N801 - used as a function
    """The verifier's pipe, with a method to write a line."""

    def __enter__(self) -> Callable[..., None]:
        self.pipe = os.open(SHARED / "requests", os.O_WRONLY)
        return lambda line, end="\n": _written(self.pipe, line + end)

    def __exit__(self, *_: object) -> None:
        os.close(self.pipe)


def _written(pipe: int, line: str) -> None:
    assert os.write(pipe, line.encode(errors="surrogateescape")) > 0
