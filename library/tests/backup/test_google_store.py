"""The store with a failing Google Cloud Storage: it succeeds after retries, or raises an error with the reason."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from bedplate.backup.checksums import crc32c_of
from bedplate.backup.credentials import from_information
from bedplate.backup.errors import AccessError, BackupError, ConflictError, MissingError
from bedplate.backup.stores import NEW, google
from bedplate.backup.stores.google import CHUNK_SIZE, GoogleStore
from bedplate.testing.oauth_server import OAuthServer
from fault_proxy import Answer, Cut, Fault, FaultProxy, Flip, Rewrite, Silence
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage.retry import DEFAULT_RETRY

PASSING: dict[str, Fault] = {
    "503": Answer(503),
    "500": Answer(500),
    "429": Answer(429),
    "silence": Silence(),
    "no answer": Cut(),
    "half an answer": Cut(after=10),
}


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the timeout."""
    monkeypatch.setattr(google, "RESPONSE_TIMEOUT_SECONDS", 2)
    monkeypatch.setattr(google, "DEFAULT_RETRY", DEFAULT_RETRY.with_delay(initial=0.01, maximum=0.1))


@pytest.fixture
def store(gcs: str, proxy: FaultProxy) -> GoogleStore:
    """Return a store behind the proxy."""
    return GoogleStore(gcs, AnonymousCredentials(), retry_seconds=20)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file of three chunks."""
    file = tmp_path / "file"
    file.write_bytes(os.urandom(2 * CHUNK_SIZE + 1000))
    return file


@pytest.fixture(params=PASSING.values(), ids=list(PASSING))
def fault(request: pytest.FixtureRequest) -> Fault:
    """Return one of the temporary faults."""
    fault: Fault = request.param
    return fault


def test_reading_outlasts_a_fault(store: GoogleStore, proxy: FaultProxy, fault: Fault) -> None:
    written = store.write("object", b"a text of some length")
    proxy.fail(fault, times=2, method="GET")
    assert store.read("object") == (b"a text of some length", written.generation)


def test_listing_outlasts_a_fault(store: GoogleStore, proxy: FaultProxy, fault: Fault) -> None:
    store.write("v1/a/object", b"text")
    proxy.fail(fault, method="GET")
    assert [found.name for found in store.list("v1/")] == ["v1/a/object"]
    proxy.fail(fault, method="GET")
    assert list(store.folders("v1/")) == ["a"]


def test_a_size_that_is_left_out_is_0(store: GoogleStore, proxy: FaultProxy, file: Path) -> None:
    """Google writes `"size": "0"`; other servers omit a size of 0."""
    proxy.fail(Rewrite(rb'"size": *"0",'), times=100)
    file.write_bytes(b"")
    assert store.upload("v1/empty", file).size == 0
    assert [found.size for found in store.list("v1/")] == [0]


def test_removing_outlasts_a_fault(store: GoogleStore, proxy: FaultProxy, fault: Fault) -> None:
    store.write("object", b"text")
    proxy.fail(fault, method="DELETE")
    store.delete("object")
    assert list(store.list("")) == []


def test_writing_outlasts_a_fault(store: GoogleStore, proxy: FaultProxy, fault: Fault) -> None:
    proxy.fail(fault, method="POST")
    written = store.write("object", b"text", generation=NEW)
    assert store.read("object") == (b"text", written.generation)
    proxy.fail(fault, method="POST")
    rewritten = store.write("object", b"other", generation=written.generation)
    assert store.read("object") == (b"other", rewritten.generation)


def test_what_another_has_written_is_not_taken_for_ones_own(store: GoogleStore, proxy: FaultProxy) -> None:
    store.write("object", b"text")
    proxy.fail(Answer(503), method="POST")
    with pytest.raises(ConflictError):
        store.write("object", b"text", generation=NEW)


def test_an_upload_outlasts_a_fault_when_it_begins(
    store: GoogleStore, proxy: FaultProxy, fault: Fault, file: Path
) -> None:
    proxy.fail(fault, method="POST")
    assert store.upload("object", file).crc32c == crc32c_of(file)


def test_an_upload_outlasts_a_fault_in_its_middle(
    store: GoogleStore, proxy: FaultProxy, fault: Fault, file: Path, tmp_path: Path
) -> None:
    proxy.fail(fault, times=2, method="PUT")
    assert store.upload("object", file).crc32c == crc32c_of(file)
    store.download("object", tmp_path / "back")
    assert crc32c_of(tmp_path / "back") == crc32c_of(file)


@pytest.mark.parametrize("after", [0, 10, CHUNK_SIZE, 2 * CHUNK_SIZE + 999])
def test_a_download_that_breaks_goes_on_where_it_was(
    store: GoogleStore, proxy: FaultProxy, file: Path, tmp_path: Path, after: int
) -> None:
    store.upload("object", file)
    proxy.fail(Cut(after), times=2, method="GET")
    store.download("object", tmp_path / "back")
    assert crc32c_of(tmp_path / "back") == crc32c_of(file)


def test_a_download_outlasts_a_fault(
    store: GoogleStore, proxy: FaultProxy, fault: Fault, file: Path, tmp_path: Path
) -> None:
    store.upload("object", file)
    proxy.fail(fault, method="GET")
    store.download("object", tmp_path / "back")
    assert crc32c_of(tmp_path / "back") == crc32c_of(file)


def test_a_damaged_download_is_refused(store: GoogleStore, proxy: FaultProxy, file: Path, tmp_path: Path) -> None:
    store.upload("object", file)
    proxy.fail(Flip(at=CHUNK_SIZE), method="GET")
    with pytest.raises(BackupError, match=r"object arrived damaged"):
        store.download("object", tmp_path / "back")
    assert not (tmp_path / "back").exists()
    proxy.fail(Flip(), method="GET")
    with pytest.raises(BackupError, match=r"object arrived damaged"):
        store.read("object")


@pytest.mark.parametrize(
    ("fault", "cause"),
    [(Answer(503, "the night shift"), "night shift"), (Silence(), "timed? out"), (Cut(), "abort|reset")],
)
def test_a_fault_that_does_not_pass_is_told_with_its_cause(
    gcs: str, proxy: FaultProxy, file: Path, fault: Fault, cause: str
) -> None:
    store = GoogleStore(gcs, AnonymousCredentials(), retry_seconds=0.5)
    proxy.fail(fault, times=1000)
    message = rf"(?i)^gs://.*object/?: the store failed \(.*({cause}).*Try again later"
    for attempt in every_verb(store, file):
        with pytest.raises(BackupError, match=message):
            attempt()


def every_verb(store: GoogleStore, file: Path) -> list[Callable[[], object]]:
    """Return all operations of a store, as functions."""
    return [
        lambda: store.write("object", b"text"),
        lambda: store.read("object"),
        lambda: store.upload("object", file),
        lambda: store.download("object", file),
        lambda: list(store.list("object")),
        lambda: store.folders("object/"),
        lambda: store.delete("object"),
    ]


def test_no_permission_is_told_at_once(
    gcs: str, proxy: FaultProxy, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google, "RESPONSE_TIMEOUT_SECONDS", 60)
    store = GoogleStore(gcs, AnonymousCredentials())
    proxy.fail(Answer(403, "storage.objects.get denied"), times=1000)
    for attempt in every_verb(store, file):
        with pytest.raises(AccessError, match=r"\(403: storage.objects.get denied\).*bucket-accounts"):
            attempt()
    looks = [request for request in proxy.requests if "/o/object?projection" in request]
    assert len(proxy.requests) - len(looks) == len(every_verb(store, file)), "none is tried twice"
    assert len(looks) == 2, "who may not write or upload has perhaps done so, and lost the answer: that is looked up"


@pytest.mark.parametrize("kind", ["key", "person"])
def test_revoked_credentials_ask_for_new_ones(
    gcs: str, proxy: FaultProxy, oauth: OAuthServer, file: Path, kind: str
) -> None:
    proxy.accepts = oauth.issuer.accepts
    information = oauth.issuer.new_key() if kind == "key" else oauth.issuer.new_person()
    store = GoogleStore(gcs, from_information(information))
    for attempt in every_verb(store, file):
        attempt()
    oauth.issuer.revoke()
    for attempt in every_verb(store, file):
        with pytest.raises(AccessError, match=r"does not accept.*invalid_grant.*: \./google_storage\.sh -a"):
            attempt()


def test_expired_tokens_are_renewed(gcs: str, proxy: FaultProxy, oauth: OAuthServer) -> None:
    proxy.accepts = oauth.issuer.accepts
    store = GoogleStore(gcs, from_information(oauth.issuer.new_person()))
    store.write("object", b"text")
    oauth.issuer.access_tokens.clear()
    assert store.read("object")[0] == b"text"


def test_credentials_that_stay_refused_ask_for_new_ones(gcs: str, proxy: FaultProxy, oauth: OAuthServer) -> None:
    proxy.accepts = lambda _authorization: False
    store = GoogleStore(gcs, from_information(oauth.issuer.new_person()))
    with pytest.raises(AccessError, match=r"\(401: Invalid Credentials\).*: \./google_storage\.sh -a"):
        store.read("object")


def test_a_silent_token_server_is_no_reason_for_new_credentials(gcs: str, oauth: OAuthServer) -> None:
    information = oauth.issuer.new_person() | {"token_uri": "http://127.0.0.1:9/token"}
    with pytest.raises(BackupError, match=r"Connection refused.*Try again later") as raised:
        GoogleStore(gcs, from_information(information), retry_seconds=0.2).read("object")
    assert not isinstance(raised.value, AccessError)


def test_a_missing_bucket_is_named(gcs: str, file: Path) -> None:
    missing = GoogleStore(f"{gcs}-missing", AnonymousCredentials())
    message = rf"The bucket {gcs.removeprefix('gs://')}-missing does not exist"
    with pytest.raises(BackupError, match=message):
        list(missing.list(""))
    with pytest.raises(BackupError, match=message):
        missing.folders("v1/")
    with pytest.raises(BackupError, match=message):
        missing.write("object", b"")
    with pytest.raises(BackupError, match=message):
        missing.upload("object", file)


def test_a_missing_object_is_no_missing_bucket(store: GoogleStore) -> None:
    with pytest.raises(MissingError, match="bucket/object is missing"):
        store.read("bucket/object")


def test_a_conflict_in_removing_is_told(store: GoogleStore, proxy: FaultProxy) -> None:
    written = store.write("lease", b"1")
    proxy.fail(Answer(412), method="DELETE", path=f"ifGenerationMatch={written.generation}")
    with pytest.raises(ConflictError):
        store.delete("lease", generation=written.generation)
