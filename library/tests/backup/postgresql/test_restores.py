"""Restores of the whole site: Django's migrations, anonymization, PROD."""

from pathlib import Path

import pytest
from bedplate.backup.errors import BackupError
from bedplate.backup.stores.folder import FolderStore
from dated import stored_backups
from picture import Picture, connect, picture
from project import MakeProject, Project

pytestmark = pytest.mark.postgresql


def user(project: Project, email: str) -> None:
    """Make a user."""
    with connect(project.configuration.variables) as connection:
        connection.execute(
            """INSERT INTO users_user (email, password, name, is_superuser, is_staff, is_active, date_joined)
            VALUES (%s, 'secret', 'Erika Mustermann', false, false, true, now())""",
            [email],
        )


def emails(project: Project) -> list[str]:
    """Return the users' addresses."""
    with connect(project.configuration.variables) as connection:
        return [email for (email,) in connection.execute("SELECT email FROM users_user ORDER BY id").fetchall()]


def rows(project: Project) -> Picture:
    """Return the database's content without its schema, whose casts PostgreSQL prints differently after a restore."""
    return {name: held for name, held in picture(project.configuration.variables).items() if name != "schema"}


def databases_of(project: Project) -> list[str]:
    """Return the names of the live database and of its staging and previous ones."""
    variables = project.configuration.variables
    with connect(variables, "postgres") as connection:
        query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY 1"
        return [name for (name,) in connection.execute(query, [variables.postgres_db]).fetchall()]


def refused(project: Project, *, saying: str, wanted: str = "latest") -> None:
    """Fail unless the restore is refused with this message, and nothing has changed."""
    before = picture(project.configuration.variables), databases_of(project)
    with pytest.raises(BackupError, match=saying):
        project.restore(wanted)
    assert (picture(project.configuration.variables), databases_of(project)) == before
    assert project.remains == []


def test_a_restore_can_be_undone_and_the_undoing_too(site: Project) -> None:
    user(site, "before@example.com")
    before = rows(site)
    site.back_up()
    user(site, "after@example.com")
    after = rows(site)
    site.restore()
    assert rows(site) == before
    site.undo()
    assert rows(site) == after
    site.undo()
    assert rows(site) == before


def test_only_what_the_last_restore_replaced_is_kept(site: Project, without_django: None) -> None:
    site.back_up()
    user(site, "first@example.com")
    site.restore()
    user(site, "second@example.com")
    site.restore()
    assert len(databases_of(site)) == 2
    site.undo()
    assert emails(site) == ["second@example.com"]


def test_a_database_that_is_only_called_alike_is_left_alone(site: Project, without_django: None) -> None:
    variables = site.configuration.variables
    others = [f"{variables.postgres_db}_{name}" for name in ("staging_area", "previous_20260101t000000_abcd_mine")]
    with connect(variables, "postgres") as connection:
        for name in others:
            connection.execute(f"CREATE DATABASE {name}".encode())
    site.back_up()
    site.restore()
    site.verify()
    assert set(others) < set(databases_of(site))


def test_a_backup_of_older_code_is_migrated(site: Project) -> None:
    with connect(site.configuration.variables) as connection:
        connection.execute("DELETE FROM django_migrations WHERE app = 'cron_runs'")
        connection.execute("DROP TABLE cron_runs_cronrun CASCADE")
    site.back_up()
    site.restore()
    with connect(site.configuration.variables) as connection:
        assert connection.execute("SELECT to_regclass('cron_runs_cronrun') IS NOT NULL").fetchall() == [(True,)]


def test_a_backup_of_newer_code_is_refused(site: Project) -> None:
    with connect(site.configuration.variables) as connection:
        connection.execute(
            """INSERT INTO django_migrations (app, name, applied)
            VALUES ('users', '0999_from_the_future', now()), ('an_app_that_is_gone', '0001_initial', now())"""
        )
    site.back_up()
    refused(site, saying=r"newer code.* has the migrations users\.0999_from_the_future\. Update the checkout")


def test_damage_is_found_before_the_server_hears_of_it(site: Project, without_django: None) -> None:
    """Damage to any file of the dump is found."""
    (site.media / "a.txt").write_text("a")
    manifest = site.back_up()
    root = Path(site.configuration.url.removeprefix("file://").replace("%20", " "))
    for name, file in manifest.files.items():
        path = root / file.object
        data = path.read_bytes()
        flipped = data[:-1] + bytes([data[-1] ^ 1])
        for damaged in (flipped, data[:-1]):
            path.write_bytes(damaged)
            with pytest.raises(BackupError, match=f"{name} is damaged"):
                site.restore()
        path.write_bytes(data)
    assert databases_of(site) == [site.configuration.variables.postgres_db]
    site.verify()


def test_files_of_the_dump_that_changed_places_are_noticed(site: Project, without_django: None) -> None:
    with connect(site.configuration.variables) as connection:
        connection.execute("CREATE TABLE ones AS SELECT 1 AS n; CREATE TABLE twos AS SELECT 2 AS n")
    manifest = site.back_up()
    root = Path(site.configuration.url.removeprefix("file://").replace("%20", " "))
    tables = [root / file.object for name, file in manifest.files.items() if name.endswith(".dat.zst")]
    by_size: dict[int, list[Path]] = {}
    for path in tables:
        by_size.setdefault(path.stat().st_size, []).append(path)
    one, other = next(paths[:2] for paths in by_size.values() if len({path.read_bytes() for path in paths[:2]}) > 1)
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)
    refused(site, saying="is damaged: its checksum has changed")


def test_production_is_anonymized_elsewhere(site: Project, make_project: MakeProject) -> None:
    production = make_project(site.configuration.variables.postgres_db, ENVIRONMENT="prod")
    user(production, "erika@example.com")
    (production.media / "passport.jpg").write_text("private")
    production.back_up()
    local = make_project(
        site.configuration.variables.postgres_db, ENVIRONMENT="local", DEFAULT_USER_PASSWORD="long-enough-1"
    )
    assert local.restore("latest:prod").anonymized
    assert "erika@example.com" not in emails(local)
    assert local.configuration.variables.default_user_email in emails(local)
    assert "Erika" not in str(picture(local.configuration.variables))
    assert not (local.media / "passport.jpg").exists()
    assert "1 media files were left out: no field with the rule KeepFile" in local.said.getvalue()


def test_personal_data_without_a_rule_stop_the_restore(site: Project, make_project: MakeProject) -> None:
    production = make_project(site.configuration.variables.postgres_db, ENVIRONMENT="prod")
    with connect(production.configuration.variables) as connection:
        connection.execute("ALTER TABLE users_user ADD COLUMN diary text NOT NULL DEFAULT 'dear diary'")
    production.back_up()
    local = make_project(site.configuration.variables.postgres_db, ENVIRONMENT="local")
    refused(local, saying="diary", wanted="latest:prod")


def test_production_is_backed_up_before_it_is_replaced(
    site: Project, make_project: MakeProject, without_django: None
) -> None:
    production = make_project(site.configuration.variables.postgres_db, ENVIRONMENT="prod")
    wanted = production.back_up()
    user(production, "newest@example.com")
    production.restore(f"{production.store.url}/{wanted.name}")
    assert emails(production) == []
    assert "Backing up PROD first, so that nothing is lost." in production.said.getvalue()
    production.restore()
    assert emails(production) == ["newest@example.com"]


def test_production_is_backed_up_in_its_own_store(
    site: Project, make_project: MakeProject, without_django: None, tmp_path: Path
) -> None:
    """It holds even if the restored backup comes from another store."""
    production = make_project(site.configuration.variables.postgres_db, ENVIRONMENT="prod")
    (tmp_path / "elsewhere").mkdir()
    elsewhere = production.with_store(FolderStore((tmp_path / "elsewhere").as_uri()))
    wanted = elsewhere.back_up()
    elsewhere.restore()
    assert stored_backups(elsewhere) == {str(wanted.name)}
    assert len(stored_backups(production) - {str(wanted.name)}) == 1
