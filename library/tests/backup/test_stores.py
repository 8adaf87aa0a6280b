"""Operations of every store, tested with a folder and with a bucket."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bedplate.backup.checksums import crc32c_of, crc32c_of_bytes
from bedplate.backup.errors import BackupError, ConflictError, MissingError, WrongUseError
from bedplate.backup.stores import NEW, Store
from bedplate.backup.stores.folder import FolderStore
from bedplate.backup.stores.google import CHUNK_SIZE, GoogleStore
from google.auth.credentials import AnonymousCredentials
from project import Project

NAMES = (
    "v1/shop/media/with a space",
    "v1/shop/media/Ünïcode ☃ 名前",
    "v1/shop/media/100%25 of % and %2F",
    "v1/shop/media/plus+and&and=and?and#",
    "v1/shop/media/\"quotes' and \\",
)


@pytest.fixture(params=["folder_store", "google_store", "google_store_in_a_folder"])
def store(request: pytest.FixtureRequest) -> Store:
    """Return an empty store of each kind."""
    store: Store = request.getfixturevalue(request.param)
    return store


@pytest.fixture
def google_store_in_a_folder(gcs: str) -> GoogleStore:
    """Return a folder of a bucket as a store, with foreign objects beside it."""
    GoogleStore(gcs, AnonymousCredentials()).write("elsewhere", b"")
    return GoogleStore(f"{gcs}/a/folder/", AnonymousCredentials())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path for a file."""
    return tmp_path / "file"


def names(store: Store, prefix: str = "") -> list[str]:
    """Return the sorted names with this prefix: the order depends on the store."""
    return sorted(found.name for found in store.list(prefix))


def test_what_was_written_is_read(store: Store) -> None:
    written = store.write("v1/lease.json", b"text")
    assert (written.name, written.size) == ("v1/lease.json", 4)
    assert store.read("v1/lease.json") == (b"text", written.generation)


@pytest.mark.parametrize("size", [0, 1, CHUNK_SIZE, 11 << 20], ids=["0", "1", "a piece", "11 MB"])
def test_a_file_comes_back_as_it_went(store: Store, file: Path, size: int) -> None:
    file.write_bytes(os.urandom(size))
    stored = store.upload("v1/file", file)
    assert (stored.name, stored.size, stored.crc32c) == ("v1/file", size, crc32c_of(file))
    back = file.with_name("back")
    store.download("v1/file", back)
    assert back.read_bytes() == file.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_names_may_hold_anything(store: Store, file: Path, name: str) -> None:
    file.write_bytes(name.encode())
    store.upload(name, file)
    assert names(store, "v1/shop/") == [name]
    assert store.read(name)[0] == name.encode()
    store.download(name, file)
    assert file.read_bytes() == name.encode()
    store.delete(name)
    assert names(store) == []


def test_the_checksum_is_the_stores(store: Store) -> None:
    assert store.write("object", b"text").crc32c == crc32c_of_bytes(b"text")


def test_the_list_has_the_objects_whose_names_begin_so(store: Store) -> None:
    for name in ("v1/a/1", "v1/a/2", "v1/ab", "v1/b/1", "v2"):
        store.write(name, name.encode())
    assert names(store, "v1/a") == ["v1/a/1", "v1/a/2", "v1/ab"]
    assert names(store, "v1/a/") == ["v1/a/1", "v1/a/2"]
    assert names(store) == ["v1/a/1", "v1/a/2", "v1/ab", "v1/b/1", "v2"]
    assert names(store, "v3/") == []


def test_the_list_has_sizes_and_generations(store: Store) -> None:
    written = store.write("v1/a", b"text")
    [listed] = store.list("v1/")
    assert (listed.size, listed.generation) == (4, written.generation)


def test_folders_are_names_up_to_the_next_slash(store: Store) -> None:
    for name in (
        "v1/shop/prod/x/1",
        "v1/shop/prod/y/1",
        "v1/shop/local/z/1",
        "v1/shop/lease.json",
        "v1/other/prod/w/1",
    ):
        store.write(name, b"")
    assert list(store.folders("v1/shop/")) == ["local", "prod"]
    assert list(store.folders("v1/shop/prod/")) == ["x", "y"]
    assert list(store.folders("v1/nothing/")) == []


def test_only_one_makes_a_new_object(store: Store) -> None:
    store.write("manifest", b"mine", generation=NEW)
    with pytest.raises(ConflictError, match="manifest"):
        store.write("manifest", b"mine", generation=NEW)
    with pytest.raises(ConflictError):
        store.write("manifest", b"theirs", generation=NEW)
    assert store.read("manifest")[0] == b"mine"


def test_an_object_is_replaced_only_if_it_is_the_expected_one(store: Store) -> None:
    first = store.write("lease", b"1")
    second = store.write("lease", b"2", generation=first.generation)
    assert second.generation != first.generation
    with pytest.raises(ConflictError):
        store.write("lease", b"3", generation=first.generation)
    assert store.read("lease") == (b"2", second.generation)


def test_what_is_gone_is_not_replaced(store: Store) -> None:
    first = store.write("lease", b"1")
    store.delete("lease")
    with pytest.raises(ConflictError):
        store.write("lease", b"2", generation=first.generation)
    assert names(store) == []


def test_an_object_is_removed_if_it_is_the_expected_one(store: Store) -> None:
    written = store.write("lease", b"1")
    store.delete("lease", generation=written.generation)
    assert names(store) == []


# fake-gcs-server deletes without a check: test_google_store.py tests the request to a bucket.
def test_a_file_is_removed_only_if_it_is_the_expected_one(folder_store: FolderStore) -> None:
    first = folder_store.write("lease", b"1")
    folder_store.write("lease", b"2")
    with pytest.raises(ConflictError):
        folder_store.delete("lease", generation=first.generation)
    assert names(folder_store) == ["lease"]


def test_removing_what_is_not_there_is_done_already(store: Store) -> None:
    store.delete("v1/nothing")
    store.delete("v1/nothing")


def test_a_missing_object_is_named(store: Store, file: Path) -> None:
    store.write("v1/other", b"")
    with pytest.raises(MissingError, match="v1/nothing is missing"):
        store.read("v1/nothing")
    with pytest.raises(MissingError, match="v1/nothing is missing"):
        store.download("v1/nothing", file)


def test_an_upload_replaces(store: Store, file: Path) -> None:
    for text in ("long text", "text"):
        file.write_text(text)
        store.upload("v1/file", file)
    assert store.read("v1/file")[0] == b"text"


def test_threads_share_a_store(store: Store, tmp_path: Path) -> None:
    def there_and_back(number: int) -> bool:
        file, back = tmp_path / f"{number}", tmp_path / f"{number}.back"
        file.write_bytes(os.urandom(100_000))
        store.upload(f"v1/{number}", file)
        store.download(f"v1/{number}", back)
        return back.read_bytes() == file.read_bytes()

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(there_and_back, range(20)))
    assert len(names(store, "v1/")) == 20


def test_a_list_may_be_long(store: Store) -> None:
    for number in range(1100):  # more than one page of Google's lists
        store.write(f"v1/{number}/object", b"")
    assert len(names(store, "v1/")) == 1100
    assert len(store.folders("v1/")) == 1100


@pytest.mark.parametrize("url", ["file://machine/folder", "file:folder", "file://"])
def test_a_url_that_names_no_folder_is_wrong_use(url: str) -> None:
    with pytest.raises(WrongUseError, match="file:///path"):
        FolderStore(url)


def test_a_url_that_names_no_bucket_is_wrong_use() -> None:
    with pytest.raises(WrongUseError, match="gs://BUCKET"):
        GoogleStore("gs:///folder", AnonymousCredentials())


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="does not exist"):
        FolderStore((tmp_path / "nothing").as_uri()).folders("v1/")


def test_what_an_interrupted_upload_left_is_listed_so_that_it_is_removed(folder_store: FolderStore) -> None:
    """A folder lists the unfinished file of a killed upload under its backup: removing the backup removes it too."""
    unfinished = folder_store.root / "v1/shop/prod/1/database/.unfinished-x"
    unfinished.parent.mkdir(parents=True)
    unfinished.write_bytes(b"half a file")
    for stored in list(folder_store.list("v1/shop/prod/1/")):
        folder_store.delete(stored.name)
    assert not (folder_store.root / "v1").exists()


def test_what_a_killed_holder_of_the_lease_left_goes_with_the_next_backup(
    embedded: Project, folder_store: FolderStore, without_django: None
) -> None:
    left = folder_store.root / "v1" / embedded.configuration.project / ".unfinished-x"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half a lease")
    embedded.back_up()
    assert not left.exists()
