"""Uploads in a bucket of S3, through nginx, as in one of Google Cloud Storage: test_uploads_in_a_bucket.py has more."""

from collections.abc import Iterator

import pytest
from bedplate.testing.compose import Answer, attempt
from bedplate.testing.server import Server
from bedplate.testing.visitor import Visitor
from s3_service import S3Service, credentials

from stack.s3_bucket import uploads_in_s3
from stack.test_media import SECRET, publish, upload
from stack.test_servers import assert_security_headers

pytestmark = [
    pytest.mark.stack,
    pytest.mark.slow,  # in every run: the same of a bucket of Google, and S3 without nginx
    pytest.mark.parametrize("server", ["prod"], indirect=True, scope="session"),
]
SIGNATURE = "X-Amz-Signature"


@pytest.fixture(scope="module")
def bucket(server: Server, customer: Visitor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Service]:
    """Return the service, with the server's uploads in its bucket, moved there as the how-to page says, and back."""
    earlier = upload(customer, "earlier.txt", "from the folder")
    with uploads_in_s3(server, tmp_path_factory.mktemp("s3")) as service:
        assert customer.ask(earlier)[2] == "from the folder"
        yield service
        later = upload(customer, "later.txt", "from S3")
    assert [customer.ask(address)[2] for address in (earlier, later)] == ["from the folder", "from S3"]
    assert SIGNATURE not in server.compose("logs", "--no-color", limit=60)


def name_of(address: str) -> str:
    """Return the name of an upload's object."""
    return f"site{address.removeprefix('/media')}"


def test_owner_alone_gets_a_private_file(
    server: Server, bucket: S3Service, customer: Visitor, superuser: Visitor
) -> None:
    address = upload(customer, "my report.txt")
    assert name_of(address) in bucket.names()
    answer = Answer(*customer.ask(address))
    assert (answer.status, answer.text, answer.headers.get_all("Content-Type")) == (200, SECRET, ["text/plain"])
    assert "no-store" in "".join(answer.headers.get_all("Cache-Control", []))
    assert_security_headers(answer)
    assert not [name for name in answer.headers if name.lower().startswith("x-amz")]
    part = Answer(*customer.ask(address, Range="bytes=4-6"))
    assert (part.status, part.text, part.headers["Content-Range"]) == (206, SECRET[4:7], f"bytes 4-6/{len(SECRET)}")
    assert customer.ask(address, Range="bytes=9000-")[0] == 416
    assert customer.ask(address, method="HEAD")[0] == 200
    assert customer.ask(address, if_none_match=answer.headers["ETag"])[0] == 304
    assert superuser.ask(address)[0] == 404
    assert server.get(address).headers["Location"] == f"/accounts/login/?next={address}"


@pytest.mark.parametrize(
    "name", ["report?100%.txt", "a#b&c=d.txt", "x%2e%2e%2fy.txt", "crlf%0d%0aX-Injected: yes.txt", "(1) '~!*.tar.gz"]
)
def test_any_file_name_works(bucket: S3Service, customer: Visitor, name: str) -> None:
    assert customer.ask(upload(customer, name))[2] == SECRET


def test_everyone_gets_a_public_file(server: Server, bucket: S3Service) -> None:
    address = publish(server, "pictures/house.png", "a house")
    answer = server.get(address)
    assert (answer.status, answer.text, answer.headers["Cache-Control"]) == (200, "a house", "public, max-age=300")


def test_what_the_service_refuses_is_told_without_its_address(
    server: Server, bucket: S3Service, customer: Visitor
) -> None:
    """An object that is gone is not found; its own pages of errors, which quote the request, reach no client."""
    address = upload(customer, "gone.txt")
    bucket.client().delete_object(Bucket="uploads", Key=name_of(address))
    status, _headers, text = customer.ask(address)
    assert (status, "NoSuchKey" in text, "site/private" in text) == (404, False, False)


def test_uploads_come_back_from_a_backup(server: Server, bucket: S3Service, customer: Visitor) -> None:
    address = upload(customer, "report.txt")

    def storage(*arguments: str) -> str:
        result = attempt(server.directory / "google_storage.sh", *arguments, directory=server.directory, limit=400)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr

    storage("-b")
    assert "Verified" in storage("--verify", "latest")
    bucket.client().delete_object(Bucket="uploads", Key=name_of(address))
    assert customer.ask(address)[0] == 404
    storage("-r", "latest", "--yes-replace", "prod")
    assert customer.ask(address)[2] == SECRET


def test_a_key_that_may_not_write_is_not_used(
    server: Server, bucket: S3Service, customer: Visitor, tmp_path_factory: pytest.TempPathFactory
) -> None:
    key = tmp_path_factory.mktemp("key") / "credentials"
    key.write_text(credentials("READER"))
    command = (server.directory / "bedplate", "rotate-secret", "media_credentials", "--from", key, "--yes")
    result = attempt(*command, directory=server.directory, limit=400)
    said = result.stdout + result.stderr
    assert (result.returncode, "may not create objects in s3://uploads" in said) == (1, True), said
    assert "secret-of" not in said
    assert customer.ask(upload(customer, "still.txt"))[2] == SECRET
