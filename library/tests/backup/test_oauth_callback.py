"""`./google_storage.sh -a` in a browser: valid, invalid and missing answers of the user."""

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from bedplate.backup.commands.authenticate import Prompt, authenticate
from bedplate.backup.configuration import Configuration
from bedplate.backup.errors import AccessError, BackupError, WrongUseError
from bedplate.testing.oauth_server import OAuthServer
from fake_person import FakePerson, browse
from fault_proxy import Answer, FaultProxy


def test_a_person_agrees_in_the_browser(guarded: Configuration, oauth: OAuthServer, person: FakePerson) -> None:
    attempt = person.authenticate(guarded)
    page = browse(person.decide())
    attempt.finish()
    assert "Thank you" in page.text
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    person.hear(f"{oauth.issuer.email} has access to {guarded.url}")
    assert json.loads(guarded.variables.google_credentials.read_text())["type"] == "authorized_user"
    assert guarded.open_store().write("object", b"text").size == 4


def test_the_question_is_for_a_lasting_token_with_a_proof_key(guarded: Configuration, person: FakePerson) -> None:
    person.authenticate(guarded, time_limit=0.1)
    question = {name: value[0] for name, value in parse_qs(urlsplit(person.hear(r"http\S+")).query).items()}
    assert question["redirect_uri"] == f"http://127.0.0.1:{person.port}/"
    assert question["code_challenge_method"] == "S256"
    assert question["access_type"] == "offline"
    assert question["prompt"] == "consent"  # otherwise Google gives a refresh token only the first time
    assert question["scope"].endswith("devstorage.read_write")
    assert len(question["state"]) >= 20


@pytest.mark.parametrize("length", [0, 10_000], ids=["short", "longer than what is read at once"])
def test_a_person_pastes_the_address_from_another_machine(
    guarded: Configuration, person: FakePerson, length: int
) -> None:
    attempt = person.authenticate(guarded)
    before, question_mark, answer = person.decide().partition("?")
    person.type(f"  {before}{question_mark}scope={length * 'x'}&{answer}#\r\n")
    attempt.finish()
    assert guarded.variables.google_credentials.exists()


def test_a_wrong_paste_is_told_and_the_right_one_still_works(guarded: Configuration, person: FakePerson) -> None:
    attempt = person.authenticate(guarded)
    address = person.decide()
    for text in ("yes", "http://[not/an?address", address.partition("?")[0]):
        person.type(f"{text}\n")
        person.hear("no code and state.*Paste the whole address")
    person.type("http://127.0.0.1/?state=another&code=4/abc\n")
    person.hear("earlier link")
    person.type(f"{address}\n")
    attempt.finish()
    assert guarded.variables.google_credentials.exists()


def test_an_answer_to_another_question_is_refused_in_the_browser(guarded: Configuration, person: FakePerson) -> None:
    attempt = person.authenticate(guarded)
    address = person.decide()
    page = browse(re.sub(r"state=\w+", "state=another", address))
    assert page.status_code == 400
    assert "earlier link" in page.text
    assert browse(f"http://127.0.0.1:{person.port}/favicon.ico").status_code == 404
    assert not guarded.variables.google_credentials.exists()
    browse(address)
    attempt.finish()
    assert guarded.variables.google_credentials.exists()


@pytest.mark.parametrize("typed", [False, True], ids=["browser", "pasted"])
def test_no_is_taken_for_an_answer(guarded: Configuration, person: FakePerson, *, typed: bool) -> None:
    attempt = person.authenticate(guarded)
    address = person.decide(allow=False)
    if typed:
        person.type(f"{address}\n")
    else:
        assert "did not give your consent" in browse(address).text
    with pytest.raises(AccessError, match="did not give your consent"):
        attempt.finish()
    assert not guarded.variables.google_credentials.exists()


def test_another_refusal_is_told_in_its_own_word(
    guarded: Configuration, oauth: OAuthServer, person: FakePerson
) -> None:
    oauth.issuer.client_id = "another"
    attempt = person.authenticate(guarded)
    browse(person.decide())
    with pytest.raises(AccessError, match="unauthorized_client"):
        attempt.finish()


def test_half_a_consent_is_not_stored(guarded: Configuration, oauth: OAuthServer, person: FakePerson) -> None:
    oauth.issuer.granted = "openid https://www.googleapis.com/auth/userinfo.email"
    attempt = person.authenticate(guarded)
    browse(person.decide())
    with pytest.raises(AccessError, match="Tick every box"):
        attempt.finish()
    assert not guarded.variables.google_credentials.exists()


def test_a_code_that_is_spent_is_told(guarded: Configuration, oauth: OAuthServer, person: FakePerson) -> None:
    attempt = person.authenticate(guarded)
    address = person.decide()
    oauth.issuer.codes.clear()
    person.type(f"{address}\n")
    with pytest.raises(AccessError, match=r"does not accept the answer \(.*invalid_grant.*-a again"):
        attempt.finish()


def test_a_code_is_worth_nothing_without_the_proof_key(
    guarded: Configuration, oauth: OAuthServer, person: FakePerson
) -> None:
    attempt = person.authenticate(guarded)
    address = person.decide()
    for question in oauth.issuer.codes.values():
        question["code_challenge"] = "another"
    person.type(f"{address}\n")
    with pytest.raises(AccessError, match="Invalid code verifier"):
        attempt.finish()


def test_a_person_whose_account_has_no_role_is_named(
    guarded: Configuration,
    proxy: FaultProxy,
    oauth: OAuthServer,
    person: FakePerson,
) -> None:
    proxy.fail(Answer(403), times=1000)
    attempt = person.authenticate(guarded)
    browse(person.decide())
    with pytest.raises(AccessError, match=rf"{oauth.issuer.email} has no access.*bucket-accounts"):
        attempt.finish()
    assert not guarded.variables.google_credentials.exists()


def test_without_an_answer_it_ends(guarded: Configuration, person: FakePerson) -> None:
    with pytest.raises(BackupError, match=r"No answer came within .* minutes"):
        person.authenticate(guarded, time_limit=0.1).finish()


def test_without_a_terminal_the_browser_still_answers(guarded: Configuration, person: FakePerson) -> None:
    attempt = person.authenticate(guarded, terminal=False)
    browse(person.decide())
    attempt.finish()
    assert guarded.variables.google_credentials.exists()
    assert "paste" not in "".join(person.heard)


def test_standard_input_that_ends_does_not_end_the_waiting(guarded: Configuration, person: FakePerson) -> None:
    with Path("/dev/null").open() as nothing:
        attempt = person.authenticate(guarded, typed=nothing.fileno())
        browse(person.decide())
        attempt.finish()
    assert guarded.variables.google_credentials.exists()


def test_a_port_that_is_taken_is_wrong_use(guarded: Configuration) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(WrongUseError, match=r"Port \d+ cannot be used .*--port"):
            authenticate(guarded, key_file=None, port=other.getsockname()[1], prompt=Prompt(typed=None))


def test_without_an_oauth_client_it_says_how_to_make_one(gcs: str, configure: Callable[..., Configuration]) -> None:
    with pytest.raises(WrongUseError, match=r"GOOGLE_OAUTH_CLIENT_ID.*authenticate-google-storage\.md.*--key-file"):
        authenticate(configure(BACKUP_URL=gcs), key_file=None, port=0)
