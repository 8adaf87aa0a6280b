"""`./google_storage.sh -a` with a service account's key or gcloud's credentials, and their later use."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bedplate.backup.commands import authenticate as verb
from bedplate.backup.commands.authenticate import Prompt, authenticate
from bedplate.backup.configuration import Configuration
from bedplate.backup.credentials import account_of, load_credentials
from bedplate.backup.errors import AccessError, BackupError, WrongUseError
from bedplate.backup.stores import NEW
from bedplate.testing.oauth_server import OAuthServer
from fake_person import FakePerson, browse
from fault_proxy import Answer, FaultProxy
from google.auth.credentials import AnonymousCredentials


def write_json(path: Path, value: Any) -> Path:
    """Write JSON into the file, and return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


# A service account's key.


def test_a_key_that_gets_in_is_stored_for_its_owner_alone(
    guarded: Configuration, oauth: OAuthServer, tmp_path: Path
) -> None:
    said: list[str] = []
    key = oauth.issuer.new_key()
    key_file = write_json(tmp_path / "key.json", key)
    authenticate(guarded, key_file=key_file, port=0, prompt=Prompt(say=said.append, typed=None))
    assert json.loads(guarded.variables.google_credentials.read_text()) == key
    assert stat.S_IMODE(guarded.variables.google_credentials.stat().st_mode) == 0o600
    assert stat.S_IMODE(guarded.variables.google_credentials.parent.stat().st_mode) == 0o700
    assert [*guarded.variables.google_credentials.parent.iterdir()] == [guarded.variables.google_credentials]
    assert oauth.issuer.asked == {"https://www.googleapis.com/auth/devstorage.read_write"}
    assert oauth.issuer.service_account in said[-1]
    assert guarded.url in said[-1]
    assert guarded.open_store().write("object", b"text", generation=NEW).size == 4


def test_a_key_that_does_not_get_in_leaves_the_old_one(
    guarded: Configuration, oauth: OAuthServer, tmp_path: Path
) -> None:
    old = write_json(guarded.variables.google_credentials, {"type": "old"}).read_bytes()
    key = oauth.issuer.new_key()
    oauth.issuer.revoke()
    with pytest.raises(
        AccessError, match=r"backups@test-project.* has no access to gs://.*invalid_grant.*key"
    ) as raised:
        authenticate(guarded, key_file=write_json(tmp_path / "key.json", key), port=0)
    assert "google_storage.sh -a" not in str(raised.value)
    assert guarded.variables.google_credentials.read_bytes() == old


def test_an_account_without_the_role_is_told_so(
    guarded: Configuration, oauth: OAuthServer, proxy: FaultProxy, tmp_path: Path
) -> None:
    proxy.fail(Answer(403, "does not have storage.objects.list access"), times=1000)
    key_file = write_json(tmp_path / "key.json", oauth.issuer.new_key())
    with pytest.raises(AccessError, match=r"storage\.objects\.list access.*bucket-accounts"):
        authenticate(guarded, key_file=key_file, port=0)
    assert not guarded.variables.google_credentials.exists()


def test_a_missing_bucket_is_named(
    guarded: Configuration, configure: Callable[..., Configuration], oauth: OAuthServer, tmp_path: Path
) -> None:
    key_file = write_json(tmp_path / "key.json", oauth.issuer.new_key())
    with pytest.raises(BackupError, match="The bucket nothing-here does not exist"):
        authenticate(configure(BACKUP_URL="gs://nothing-here"), key_file=key_file, port=0)
    assert not guarded.variables.google_credentials.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not JSON", "it is not JSON"),
        ("[]", 'it has no "type"'),
        (
            '{"type": "authorized_user", "refresh_token": "", "client_id": "", "client_secret": ""}',
            "type authorized_user, not a service account's key",
        ),
        ('{"type": "service_account", "client_email": "a@b", "token_uri": "https://c"}', "cannot be used"),
        (
            '{"type": "service_account", "client_email": "a@b", "token_uri": "https://c", "private_key": "no"}',
            "cannot be used",
        ),
    ],
)
def test_a_file_that_is_no_key_is_wrong_use(guarded: Configuration, tmp_path: Path, text: str, message: str) -> None:
    key_file = tmp_path / "key.json"
    key_file.write_text(text)
    with pytest.raises(WrongUseError, match=message):
        authenticate(guarded, key_file=key_file, port=0)


def test_a_key_file_that_is_not_there_is_wrong_use(guarded: Configuration, tmp_path: Path) -> None:
    with pytest.raises(WrongUseError, match=r"nothing\.json cannot be read: No such file"):
        authenticate(guarded, key_file=tmp_path / "nothing.json", port=0)


def test_a_folder_needs_no_credentials(configure: Callable[..., Configuration]) -> None:
    with pytest.raises(WrongUseError, match=r"needs no credentials.*BACKUP_URL=gs://BUCKET"):
        authenticate(configure(BACKUP_URL="file:///backups"), key_file=None, port=0)


# gcloud's application-default credentials.


@pytest.fixture
def gcloud(guarded: Configuration, oauth: OAuthServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return gcloud's credentials on this machine, which belong to a person."""
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    return write_json(tmp_path / "gcloud/application_default_credentials.json", oauth.issuer.new_person())


def test_gclouds_credentials_are_used_if_they_are_there(
    guarded: Configuration, gcloud: Path, oauth: OAuthServer
) -> None:
    said: list[str] = []
    authenticate(guarded, key_file=None, port=0, prompt=Prompt(say=said.append, typed=None))
    assert json.loads(guarded.variables.google_credentials.read_text()) == json.loads(gcloud.read_text())
    assert said[-1].startswith(f"{oauth.issuer.email} has access to gs://")


def test_gclouds_credentials_are_looked_for_at_home(tmp_path: Path) -> None:
    found = verb.application_default_file({})
    assert found == tmp_path / "home/.config/gcloud/application_default_credentials.json"


def test_a_key_file_comes_before_gclouds_credentials(
    guarded: Configuration, gcloud: Path, oauth: OAuthServer, tmp_path: Path
) -> None:
    key_file = write_json(tmp_path / "key.json", oauth.issuer.new_key())
    authenticate(guarded, key_file=key_file, port=0)
    assert json.loads(guarded.variables.google_credentials.read_text())["type"] == "service_account"


def test_expired_credentials_of_gcloud_are_told_and_the_person_is_asked(
    gcloud: Path, guarded: Configuration, oauth: OAuthServer, person: FakePerson
) -> None:
    oauth.issuer.revoke()
    attempt = person.authenticate(guarded)
    person.hear("has no access.*gcloud auth application-default login")
    browse(person.decide())
    attempt.finish()
    assert json.loads(guarded.variables.google_credentials.read_text()) != json.loads(gcloud.read_text())


@pytest.mark.parametrize("kind", ["external_account", "authorized_user"])
def test_credentials_of_gcloud_that_cannot_be_used_are_told_and_the_person_is_asked(
    gcloud: Path, guarded: Configuration, person: FakePerson, kind: str
) -> None:
    write_json(gcloud, {"type": kind})
    attempt = person.authenticate(guarded)
    person.hear(f"type {kind} cannot be used")
    browse(person.decide())
    attempt.finish()


def test_expired_credentials_of_gcloud_are_an_error_without_an_oauth_client(
    gcloud: Path, oauth: OAuthServer, configure: Callable[..., Configuration]
) -> None:
    oauth.issuer.revoke()
    with pytest.raises(AccessError, match="gcloud auth application-default login"):
        authenticate(configure(GOOGLE_OAUTH_CLIENT_ID=""), key_file=None, port=0)


# The stored credentials, later.


def test_without_credentials_it_says_how_to_get_some(guarded: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(load_credentials(guarded.variables.google_credentials), AnonymousCredentials)
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    with pytest.raises(BackupError, match=r"no credentials .*\./google_storage\.sh -a"):
        load_credentials(guarded.variables.google_credentials)


def test_an_empty_file_is_no_credentials(guarded: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a server the secret's file exists before it is filled."""
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    guarded.variables.google_credentials.parent.mkdir(parents=True, exist_ok=True)
    guarded.variables.google_credentials.touch()
    with pytest.raises(BackupError, match="has no credentials"):
        load_credentials(guarded.variables.google_credentials)


@pytest.mark.parametrize("value", [{"type": "service_account"}, {"type": "authorized_user"}, {"type": "other"}, {}])
def test_stored_credentials_that_cannot_be_used_ask_for_new_ones(guarded: Configuration, value: dict[str, str]) -> None:
    write_json(guarded.variables.google_credentials, value)
    with pytest.raises(BackupError, match=r"\./google_storage\.sh -a again"):
        load_credentials(guarded.variables.google_credentials)


def test_impersonated_credentials_of_gcloud_are_understood(guarded: Configuration, oauth: OAuthServer) -> None:
    url = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{}:generateAccessToken"
    impersonated = {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": url.format("robot@example.com"),
        "source_credentials": oauth.issuer.new_person(),
    }
    write_json(guarded.variables.google_credentials, impersonated)
    assert account_of(load_credentials(guarded.variables.google_credentials)) == "robot@example.com"
