import os
import subprocess
import sys
from pathlib import Path

import pytest
from bedplate import environment
from bedplate.django.services import task_queue
from config.environment import Environment, read_environment
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

SECRET = "only-for-tests-only-for-tests-only"


@pytest.fixture(autouse=True)
def secrets_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the test's own /run/secrets, and clear the environment variables of the settings."""
    for name in Environment.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(environment, "SECRETS_DIRECTORY", tmp_path)
    return tmp_path


def explanation() -> str:
    with pytest.raises(ImproperlyConfigured) as raised:
        read_environment()
    return str(raised.value)


def test_every_missing_secret_is_named_at_once() -> None:
    assert explanation().splitlines()[1:] == ["  SECRET_KEY: is not set", "  POSTGRES_PASSWORD: is not set"]


@pytest.mark.parametrize("name", ["SECRET_KEY", "POSTGRES_PASSWORD", "DEFAULT_USER_PASSWORD", "EMAIL_PASSWORD"])
def test_a_placeholder_is_reported_without_the_value(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("SECRET_KEY", SECRET)
    monkeypatch.setenv("POSTGRES_PASSWORD", SECRET)
    monkeypatch.setenv(name, f"change-me-{SECRET}")
    assert f"{name}: still holds the placeholder" in explanation()
    assert SECRET not in explanation()


def test_a_short_secret_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    assert "SECRET_KEY" in explanation()
    assert "hunter2" not in explanation()


def test_a_short_earlier_key_is_refused(secrets_directory: Path) -> None:
    (secrets_directory / "secret_key").write_text(f"{SECRET}\nhunter2\n")
    assert "SECRET_KEY" in explanation()


def test_a_secret_during_a_rotation_has_several_lines(secrets_directory: Path) -> None:
    (secrets_directory / "secret_key").write_text(f"{SECRET}\n{SECRET[::-1]}\n")
    (secrets_directory / "postgres_password").write_text("the new one\nthe old one\n")
    assert read_environment().signing_keys == (SECRET, SECRET[::-1])
    assert read_environment().postgres_passwords == ("the new one", "the old one")


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "")
    assert "SECRET_KEY: is not set" in explanation()


def test_an_unknown_environment_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    assert "ENVIRONMENT" in explanation()
    assert "'prod'" in explanation()


def test_secrets_are_read_from_files(secrets_directory: Path) -> None:
    (secrets_directory / "SECRET_KEY").write_text(f"{SECRET}\n")
    (secrets_directory / "postgres_password").write_text("from a file")
    found = read_environment()
    assert found.secret_key.get_secret_value() == SECRET
    assert found.postgres_password
    assert found.postgres_password.get_secret_value() == "from a file"


def test_a_variable_takes_precedence_over_a_file(monkeypatch: pytest.MonkeyPatch, secrets_directory: Path) -> None:
    (secrets_directory / "SECRET_KEY").write_text(SECRET)
    monkeypatch.setenv("ENVIRONMENT", "embedded")
    monkeypatch.setenv("SECRET_KEY", SECRET[::-1])
    assert read_environment().secret_key.get_secret_value() == SECRET[::-1]


def test_embedded_mode_needs_no_database_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "embedded")
    monkeypatch.setenv("SECRET_KEY", SECRET)
    assert read_environment().embedded


def test_a_configuration_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", SECRET)
    monkeypatch.setenv("POSTGRES_PASSWORD", SECRET)
    assert SECRET not in repr(read_environment())


def test_the_default_environment_is_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", SECRET)
    monkeypatch.setenv("POSTGRES_PASSWORD", SECRET)
    found = read_environment()
    assert found.environment == "prod"
    assert found.https
    assert not found.debug
    assert not found.catches_mail


@pytest.mark.parametrize("zone", ["Europe/Zurch", "../../etc/passwd", "/etc/localtime", "Europe", "CET; rm"])
def test_a_time_zone_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("TIME_ZONE", zone)
    assert f"TIME_ZONE: {zone!r} is not a time zone: use an IANA name, such as Europe/Zurich" in explanation()


def test_only_a_domain_with_its_subdomains_is_preloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HSTS_PRELOAD", "true")
    assert "HSTS_PRELOAD: needs HSTS_INCLUDE_SUBDOMAINS=true" in explanation()


@pytest.mark.parametrize(("name", "value"), [("WEB_WORKERS", "0"), ("WEB_THREADS", "many")])
def test_an_invalid_number_of_workers_or_threads_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert f"{name}: Input should be" in explanation()


@pytest.mark.parametrize(
    "command",
    [
        ["config.environment"],
        ["config.serve"],
        ["celery", "--app=config", "flower"],
        ["celery", "--app=config", "worker"],
        ["django", "cron", "--settings=config.settings"],
    ],
    ids=" ".join,
)
def test_every_process_exits_with_only_the_reason(command: list[str]) -> None:
    variables = os.environ | {"SECRET_KEY": SECRET, "ENVIRONMENT": "embedded", "TIME_ZONE": "Europe/Zurch"}
    variables["DJANGO_SETTINGS_MODULE"] = "config.settings"
    program = [sys.executable, "-m", *command]
    ended = subprocess.run(
        program,
        cwd=settings.BASE_DIRECTORY,
        env=variables,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    heading, reason = ended.stderr.splitlines()
    assert heading.startswith("The configuration is not usable.")
    assert reason.startswith("  TIME_ZONE: 'Europe/Zurch' is not a time zone")


@pytest.mark.parametrize(
    ("url", "database"),
    [
        ("redis://valkey:6379", "redis://valkey:6379/1"),
        ("redis://valkey:6379/", "redis://valkey:6379/1"),
        (
            "rediss://app:secret@cache.example:6380?ssl_ca_certs=/ca.pem",
            "rediss://app:secret@cache.example:6380/1?ssl_ca_certs=/ca.pem",
        ),
    ],
)
def test_databases_of_valkey(monkeypatch: pytest.MonkeyPatch, secrets_directory: Path, url: str, database: str) -> None:
    monkeypatch.setenv("SECRET_KEY", SECRET)
    monkeypatch.setenv("POSTGRES_PASSWORD", SECRET)
    (secrets_directory / "cache_url").write_text(url)  # it has a password, so it is a secret
    (secrets_directory / "valkey_url").write_text(url)
    assert read_environment().cache_database == database
    assert read_environment().queue_database == database.replace("/1", "/0")


@pytest.mark.parametrize(("hosts", "wanted"), [("one,two", "read-write"), ("one", None)])
def test_of_several_databases_the_one_that_takes_writes_is_used(
    monkeypatch: pytest.MonkeyPatch, hosts: str, wanted: str | None
) -> None:
    monkeypatch.delenv("PGTARGETSESSIONATTRS", raising=False)
    for name, value in {"SECRET_KEY": SECRET, "POSTGRES_PASSWORD": SECRET, "POSTGRES_HOST": hosts}.items():
        monkeypatch.setenv(name, value)
    read_environment()
    assert os.environ.get("PGTARGETSESSIONATTRS") == wanted
    monkeypatch.delenv("PGTARGETSESSIONATTRS", raising=False)


def test_sentinels_need_the_name_of_the_primary(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SECRET_KEY": SECRET, "POSTGRES_PASSWORD": SECRET}.items():
        monkeypatch.setenv(name, value)
    address = "sentinel://app:secret@one:26379,two:26380"
    monkeypatch.setenv("VALKEY_URL", f"{address}?master_name=queue")
    found = task_queue(read_environment(), visibility_timeout=600)
    assert found[0] == "sentinel://app:secret@one:26379/0;sentinel://app:secret@two:26380/0"
    assert found[1]["master_name"] == "queue"
    monkeypatch.setenv("VALKEY_URL", address)
    assert "VALKEY_URL: names no primary: sentinel://USER:PASSWORD@HOST:26379" in explanation()
