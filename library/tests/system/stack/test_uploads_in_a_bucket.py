"""Uploads in a bucket, through nginx: it fetches what the application has signed, and nothing else."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from bedplate.testing.compose import Answer, attempt
from bedplate.testing.oauth_server import Issuer
from bedplate.testing.server import Server
from bedplate.testing.visitor import Visitor

from stack.bucket import UNWANTED, UploadsInBucket, uploads_in_bucket
from stack.test_media import SECRET, publish, upload
from stack.test_servers import assert_security_headers

pytestmark = [pytest.mark.stack, pytest.mark.parametrize("server", ["prod"], indirect=True, scope="session")]
SIGNATURE = "X-Goog-Signature"
OTHER_ADDRESSES = (("gs://", ""), ("gs://Not A Bucket", ""), ("/data", ""), ("s3://bucket", "s3.example.com"))


@pytest.fixture(scope="module")
def earlier(server: Server, customer: Visitor) -> str:
    """Return the address of an upload from before the uploads moved into a bucket."""
    return upload(customer, "earlier.txt", "from the folder")


@pytest.fixture(scope="module")
def bucket(server: Server, customer: Visitor, earlier: str) -> Iterator[UploadsInBucket]:
    """Return the server with its uploads in a bucket, moved there as the how-to page says, and back at the end."""
    with uploads_in_bucket(server) as bucket:
        yield bucket
        later = upload(customer, "later.txt", "from the bucket")
    assert [customer.ask(address)[2] for address in (earlier, later)] == ["from the folder", "from the bucket"]


@pytest.fixture(autouse=True)
def nobody_sees_the_signature(bucket: UploadsInBucket) -> Iterator[None]:
    """Fail if a log has a signed address, whatever the test did."""
    yield
    assert SIGNATURE not in bucket.logs()


def test_owner_alone_gets_a_private_file(bucket: UploadsInBucket, customer: Visitor, superuser: Visitor) -> None:
    """Its type and caching are what the application says; the storage gets no cookie, and sets no header."""
    address = upload(customer, "my report.txt")
    assert f"site{address.removeprefix('/media')}" in bucket.objects()
    answer = Answer(*customer.ask(address))
    assert (answer.status, answer.text) == (200, SECRET)
    assert answer.headers.get_all("Content-Type") == ["text/plain"]
    assert "no-store" in "".join(answer.headers.get_all("Cache-Control", []))
    assert answer.headers.get_all("Content-Disposition") == ['inline; filename="my report.txt"']
    assert_security_headers(answer)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    for name, value in UNWANTED.items():
        assert value not in answer.headers.get_all(name, [])
    assert not [name for name in answer.headers if name.lower().startswith(("x-goog", "x-guploader", "x-accel"))]
    fetched = bucket.proxy.fetched[-1]
    assert (fetched.method, fetched.headers.get_all("Cookie"), fetched.headers.get_all("Authorization")) == (
        "GET",
        None,
        None,
    )
    assert superuser.ask(address)[0] == 404
    assert bucket.server.get(address).headers["Location"] == f"/accounts/login/?next={address}"


def test_uploads_have_moved_into_the_bucket(bucket: UploadsInBucket, customer: Visitor, earlier: str) -> None:
    """They have the same addresses."""
    assert f"site{earlier.removeprefix('/media')}" in bucket.objects()
    assert customer.ask(earlier)[2] == "from the folder"


def test_part_of_a_private_file(bucket: UploadsInBucket, customer: Visitor) -> None:
    """Players and interrupted downloads request a part."""
    address = upload(customer, "film.txt")
    answer = Answer(*customer.ask(address, Range="bytes=4-6"))
    assert (answer.status, answer.text) == (206, SECRET[4:7])
    assert answer.headers["Content-Range"] == f"bytes 4-6/{len(SECRET)}"
    assert customer.ask(address, Range="bytes=9000-")[0] == 416
    head = Answer(*customer.ask(address, method="HEAD"))
    assert (head.status, head.headers["Content-Length"], head.text) == (200, str(len(SECRET)), "")


@pytest.mark.parametrize(
    "name", ["report?100%.txt", "a#b&c=d.txt", "x%2e%2e%2fy.txt", "crlf%0d%0aX-Injected: yes.txt", "(1) '~!*.tar.gz"]
)
def test_any_file_name_works(bucket: UploadsInBucket, customer: Visitor, name: str) -> None:
    """What is sent to the storage is what was signed."""
    status, headers, text = customer.ask(upload(customer, name))
    assert (status, text) == (200, SECRET)
    assert "X-Injected" not in headers


def test_active_content_is_downloaded(bucket: UploadsInBucket, customer: Visitor) -> None:
    """An uploaded page or drawing is downloaded, not run under the site's name."""
    page = "<script>alert(1)</script>"
    for answer in (
        Answer(*customer.ask(upload(customer, "page.html", page))),
        bucket.server.get(publish(bucket.server, "page.html", page)),
        bucket.server.get(publish(bucket.server, "drawing.svg", page)),
    ):
        assert (answer.status, answer.text) == (200, page)
        (disposition,) = answer.headers.get_all("Content-Disposition", [])
        assert disposition.startswith("attachment")
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert_security_headers(answer)


def test_everyone_gets_a_public_file(bucket: UploadsInBucket) -> None:
    """A public picture is shown, and cached by browsers for a while."""
    address = publish(bucket.server, "pictures/a house.png", "a house")
    answer = bucket.server.get(address)
    assert (answer.status, answer.text, answer.headers["Content-Type"]) == (200, "a house", "image/png")
    assert answer.headers.get_all("Cache-Control") == ["public, max-age=300"]
    assert_security_headers(answer)
    assert bucket.server.get(address, Range="bytes=2-").status == 206


@pytest.mark.parametrize(
    "trick",
    [
        "/_bucket/{name}",
        "/_bucket/?site/private/{name}",
        "/_bucket/x?{bucket}/site/private/{name}",
        "/media/public/../_bucket/{name}?site/private/{name}",
        "/media/public/../private/{name}",
        "/media/public/..%5cprivate%5c{name}",
        "/media/private/{other}/..%5c..%5c{name}",
        "/media/private/{other}%5c..%5c{name}",
        "/media/private/{other}/../{name}",
        "/media/private/{other}/..%2f{name}",
        "/media/private/{name}",
    ],
)
def test_no_path_leads_to_the_files_of_others(
    bucket: UploadsInBucket, customer: Visitor, superuser: Visitor, trick: str
) -> None:
    """However the path is written, another user does not get the file, and nginx does not ask for it."""
    name = upload(customer, "mine.txt").removeprefix("/media/private/")
    other = upload(superuser, "theirs.txt").split("/")[3]
    before = len(bucket.proxy.fetched)
    status, _headers, text = superuser.ask(trick.format(name=name, other=other, bucket=bucket.bucket))
    assert status in {301, 302, 400, 404}
    assert SECRET not in text
    assert len(bucket.proxy.fetched) == before


def test_a_missing_object_is_not_found(bucket: UploadsInBucket, customer: Visitor) -> None:
    """Its document is still listed: someone removed the object in the bucket."""
    address = upload(customer, "gone.txt")
    bucket.delete(f"site{address.removeprefix('/media')}")
    status, _headers, text = customer.ask(address)
    assert (status, SIGNATURE in text) == (404, False)


@pytest.mark.parametrize("fault", ["refused", "redirected", "away"])
def test_a_failing_storage_reveals_nothing(bucket: UploadsInBucket, customer: Visitor, fault: str) -> None:
    """Google's page of errors quotes the signed address; neither it, a redirect nor nginx's message reaches anyone."""
    address = upload(customer, "report.txt")
    keys, store = dict(bucket.proxy.public_keys), bucket.proxy.store
    try:
        if fault == "refused":
            bucket.proxy.public_keys.clear()
        elif fault == "redirected":
            bucket.proxy.redirects = True
        else:
            bucket.proxy.store = "http://127.0.0.1:9"
        answer = Answer(*customer.ask(address))
    finally:
        bucket.proxy.public_keys.update(keys)
        bucket.proxy.store, bucket.proxy.redirects = store, False
    assert answer.status == 502
    assert "Goog" not in answer.text + str(answer.headers)
    assert customer.ask(address)[0] == 200


def test_a_deleted_document_leaves_the_bucket(bucket: UploadsInBucket, customer: Visitor) -> None:
    """The object goes with its row."""
    address = upload(customer, "short-lived.txt")
    number = bucket.server.query("SELECT max(id) FROM media_document").strip()
    assert customer.send_form(f"/documents/{number}/delete/") == (302, "/documents/")
    assert f"site{address.removeprefix('/media')}" not in bucket.objects()


@pytest.mark.slow
def test_uploads_come_back_from_a_backup(bucket: UploadsInBucket, customer: Visitor) -> None:
    """Backed up, verified, lost, and restored, with the commands of every day; then undone."""
    address = upload(customer, "report.txt")
    name = f"site{address.removeprefix('/media')}"
    script = bucket.server.directory / "google_storage.sh"

    def storage(*arguments: str) -> str:
        result = attempt(script, *arguments, directory=bucket.server.directory, limit=400)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr

    storage("-b")
    assert "Verified" in storage("--verify", "latest")
    bucket.delete(name)
    later = upload(customer, "later.txt")
    assert customer.ask(address)[0] == 404
    storage("-r", "latest", "--yes-replace", "prod")
    assert customer.ask(address)[2] == SECRET
    assert customer.ask(later)[0] == 404
    storage("--undo", "--yes-replace", "prod")
    assert (customer.ask(address)[0], customer.ask(later)[2]) == (404, SECRET)
    # What was set aside is in no backup; the way back into the folder would stop there.
    storage("-r", "latest", "--yes-replace", "prod", "--forget-set-aside")


@pytest.mark.slow
def test_an_account_without_rights_is_named_before_anything_changes(bucket: UploadsInBucket) -> None:
    """A restart with a bucket that the account may not use fails, and the release that served goes on."""
    containers = bucket.server.containers()
    bucket.proxy.refuse = lambda method, path: method == "POST" and path.startswith("/upload/")
    try:
        command = (bucket.server.directory / "bedplate", "deploy", "--restart", "--yes")
        result = attempt(*command, directory=bucket.server.directory, limit=400)
    finally:
        bucket.proxy.refuse = lambda _method, _path: False
    assert result.returncode == 1
    said = result.stdout + result.stderr
    assert "may not create objects" in said
    assert {name: each["Id"] for name, each in bucket.server.containers().items()} == {
        name: each["Id"] for name, each in containers.items()
    }


@pytest.mark.slow
def test_a_key_that_does_not_work_is_not_used(bucket: UploadsInBucket, customer: Visitor, tmp_path: Path) -> None:
    """It is tried before anything is replaced; the previous one stays in force."""
    address, before = upload(customer, "report.txt"), bucket.server.secret("media_credentials")
    key = tmp_path / "key.json"
    stranger = Issuer(json.loads(before)["token_uri"].removesuffix("/token")).new_key()
    key.write_text(json.dumps(stranger))
    command = (bucket.server.directory / "bedplate", "rotate-secret", "media_credentials", "--from", key, "--yes")
    result = attempt(*command, directory=bucket.server.directory, limit=400)
    assert result.returncode == 1
    assert "Google does not accept media_credentials" in result.stdout + result.stderr
    assert "The previous media_credentials is in force" in result.stderr
    assert bucket.server.secret("media_credentials") == before
    assert customer.ask(address)[2] == SECRET


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("az://bucket", ""),
        *(pytest.param(*each, marks=pytest.mark.slow) for each in OTHER_ADDRESSES),
        ("s3://bucket", "https://s3.example.com/; return 200 it"),
    ],
)
def test_nginx_does_not_start_with_another_address(bucket: UploadsInBucket, url: str, endpoint: str) -> None:
    """It says why."""
    variables = (f"--env=MEDIA_URL={url}", f"--env=S3_ENDPOINT={endpoint}")
    options = ("run", "--rm", "--no-deps", "--no-TTY", *variables, "nginx", "nginx", "-t")
    result = attempt("docker", "compose", *options, directory=bucket.server.directory)
    assert result.returncode != 0
    assert f"nginx does not start: MEDIA_URL is '{url}'" in result.stderr
