"""Uploads through nginx: private ones for their owner alone, public ones for everyone."""

import re
from typing import Final, Protocol
from urllib.parse import quote

import pytest
from bedplate.testing.compose import Answer, Stack
from bedplate.testing.server import Server
from bedplate.testing.visitor import Visitor
from playwright.sync_api import APIRequestContext, FilePayload

from stack.test_servers import assert_security_headers

pytestmark = pytest.mark.stack

in_prod = pytest.mark.parametrize("server", ["prod"], indirect=True, scope="session")
SECRET = "for my eyes alone"
BOUNDARY = "between-the-fields"


def field(name: str, value: str) -> str:
    """Return a field of a multipart form."""
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'


def upload(visitor: Visitor, name: str, content: str = SECRET) -> str:
    """Return the address of a new document of this user."""
    file = field(f'file"; filename="{name}', content)
    body = field("csrfmiddlewaretoken", visitor.token("/documents/")) + file + f"--{BOUNDARY}--\r\n"
    status, headers, text = visitor.ask(
        "/documents/",
        method="POST",
        body=body,
        Content_Type=f"multipart/form-data; boundary={BOUNDARY}",
        Referer=f"https://{visitor.host}/documents/",
    )
    assert (status, headers["Location"]) == (302, "/documents/"), text
    return newest_document(visitor.ask("/documents/")[2])


def newest_document(page: str) -> str:
    """Return the address of the first document on the page."""
    found = re.search(r'href="(/media/private/[^"]+)"', page)
    assert found, page
    return found[1]


class Managed(Protocol):
    """A site whose management commands can be run."""

    def manage(self, *arguments: str) -> str:
        """Return the output of this command."""


def publish(stack: Managed, name: str, content: str) -> str:
    """Return the address of a new public file."""
    program = (
        "from django.core.files.base import ContentFile; from django.core.files.storage import storages; "
        f"storage = storages['public']; print(storage.url(storage.save({name!r}, ContentFile({content!r}))))"
    )
    return stack.manage("shell", "--no-imports", "--command", program).strip()


@in_prod
def test_owner_alone_gets_a_private_file(server: Server, customer: Visitor, superuser: Visitor) -> None:
    """The owner sees it; for other users it does not exist, and strangers are redirected to the login."""
    address = upload(customer, "my report.txt")
    answer = Answer(*customer.ask(address))
    assert (answer.status, answer.text) == (200, SECRET)
    assert (answer.headers["Content-Type"], answer.headers["Accept-Ranges"]) == ("text/plain", "bytes")  # nginx's
    assert "no-store" in answer.headers["Cache-Control"]
    assert "X-Accel-Redirect" not in answer.headers
    assert_security_headers(answer)
    assert superuser.ask(address)[0] == 404
    assert server.get(address).headers["Location"] == f"/accounts/login/?next={address}"


@in_prod
def test_part_of_a_private_file(customer: Visitor) -> None:
    """Players and interrupted downloads request a part."""
    answer = Answer(*customer.ask(upload(customer, "film.txt"), Range="bytes=4-6"))
    assert (answer.status, answer.text) == (206, SECRET[4:7])
    assert answer.headers["Content-Range"] == f"bytes 4-6/{len(SECRET)}"


@in_prod
@pytest.mark.parametrize("name", ["report?100%.txt", "a#b&c=d.txt", "x%2e%2e%2fy.txt", "crlf%0d%0aX-Injected: yes.txt"])
def test_any_file_name_works(customer: Visitor, name: str) -> None:
    """Characters that are special to a program on the way are not special in file names."""
    status, headers, text = customer.ask(upload(customer, name))
    assert (status, text) == (200, SECRET)
    assert "X-Injected" not in headers


@in_prod
def test_active_content_is_downloaded(server: Server, customer: Visitor) -> None:
    """An uploaded page or drawing is downloaded, not run under the site's name."""
    page = "<script>alert(1)</script>"
    for answer in (
        Answer(*customer.ask(upload(customer, "page.html", page))),
        server.get(publish(server, "page.html", page)),
        server.get(publish(server, "drawing.svg", page)),
    ):
        assert (answer.status, answer.text) == (200, page)
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert_security_headers(answer)


@in_prod
def test_everyone_gets_a_public_file(server: Server) -> None:
    """A public picture is shown, and served by nginx itself."""
    address = publish(server, "pictures/a house.png", "a house")
    answer = server.get(address)
    assert (answer.status, answer.text, answer.headers["Content-Type"]) == (200, "a house", "image/png")
    assert "Content-Disposition" not in answer.headers
    assert_security_headers(answer)
    assert server.get(address, Range="bytes=2-").status == 206


@in_prod
@pytest.mark.parametrize(
    "trick",
    [
        "/_private/{name}",
        "/media/public/../private/{name}",
        "/media/public/%2e%2e/private/{name}",
        "/media/public/..%2fprivate/{name}",
        "/media/public../private/{name}",
        "/media/public//../private/{name}",
        "/media//private/{name}",
        "/media/public/../../_private/{name}",
        "/media/private/{other}/../{name}",
        "/media/private/{other}/%2e%2e/{name}",
        "/media/private/{other}/..%2f{name}",
        "/media/private/{other}/..%252f{name}",
        "/media/private/./{name}",
        "/media/private//{name}",
        "/media/private/{name}%00.png",
        "/media/private/{quoted}",
    ],
)
def test_no_path_leads_to_the_files_of_others(customer: Visitor, superuser: Visitor, trick: str) -> None:
    """However the path is written, another user does not get the file."""
    name = upload(customer, "mine.txt").removeprefix("/media/private/")
    other = upload(superuser, "theirs.txt").split("/")[3]
    status, _headers, text = superuser.ask(trick.format(name=name, other=other, quoted=quote(name, safe="")))
    assert status in {301, 302, 400, 404}
    assert SECRET not in text


@in_prod
@pytest.mark.parametrize(
    "path",
    [
        "/media/public/../../mail/",
        "/media/public/%2e%2e/%2e%2e/mark",
        "/media/public../../mark",
        "/media/../mark",
        "/media/public/..%5c..%5cmark",
        "/media/public/%00/../../mark",
        "/static/../media/mark",
        "/static/%2e%2e/media/mark",
        "/static../media/mark",
        "/static../../media/mark",
        "/static/br/../../media/mark",
        "/static/..%2fmedia/mark",
        "/static/../../data/uploads/mark",
        "/static//etc/passwd",
        "/static/../../etc/nginx/nginx.conf",
        "/../../data/uploads/mark",
        "/data/uploads/mark",
        "/media/mark",
    ],
)
def test_no_path_leads_out_of_the_folders(server: Server, path: str) -> None:
    """Neither static files nor uploads give access to other files on the disk."""
    server.exec("web", "sh", "-c", "echo a-mark >/data/uploads/mark")
    answer = server.get(path)
    assert answer.status in {301, 302, 400, 404}
    for content in ("a-mark", "root:", "worker_processes"):
        assert content not in answer.text


KEY: Final = "/state/www.example.com.pem"
# In the folder of public uploads: a link, where it leads to, and the path to ask for.
LINKS: Final = {
    "key.txt": (KEY, "key.txt"),
    "folder": ("/state", "folder/www.example.com.pem"),
    "deep/er": ("../../../../state", "deep/er/www.example.com.pem"),
    "root": ("/", "root/etc/passwd"),
    "above": ("..", "above/private/planted.txt"),
    "beside.txt": ("../private/planted.txt", "beside.txt"),
    "here.txt": ("planted.txt", "here.txt"),
}
PLANT: Final = """
set -e
cd /data/uploads
mkdir -p private "$(dirname "public/$1")"
echo a-planted-text | tee private/planted.txt >public/planted.txt
ln -s "$2" "public/$1"
"""
# For the application, the file is still there.
MOVE_AWAY: Final = 'mv "$1" "$1-moved" && ln -s "$(basename "$1")-moved" "$1"'


def assert_not_sent(answer: Answer) -> None:
    """Fail if the answer contains anything of the files behind the links."""
    assert answer.status in {403, 404}
    for content in ("PRIVATE KEY", "CERTIFICATE", "a-planted-text", "root:", SECRET):
        assert content not in answer.text


@in_prod
@pytest.mark.parametrize("link", LINKS)
def test_no_link_among_public_uploads_is_followed(server: Server, link: str) -> None:
    """The application could write links: through them, visitors read no key of nginx, and no upload of others."""
    target, path = LINKS[link]
    server.exec("web", "sh", "-c", PLANT, "sh", link, target)
    try:
        assert server.get("/media/public/planted.txt").text == "a-planted-text\n"
        assert_not_sent(server.get(f"/media/public/{path}"))
    finally:
        server.exec("web", "rm", f"/data/uploads/public/{link}")


@in_prod
def test_the_folder_of_public_uploads_may_not_be_a_link(server: Server) -> None:
    """Not even the first folder of a path is followed."""
    server.exec("web", "sh", "-c", PLANT, "sh", "link", "/")
    server.exec("web", "sh", "-c", "cd /data/uploads && mv public moved && ln -s /state public")
    try:
        assert_not_sent(server.get("/media/public/www.example.com.pem"))
    finally:
        server.exec("web", "sh", "-c", "cd /data/uploads && rm public moved/link && mv moved public")


@in_prod
@pytest.mark.parametrize("part", ["file", "folder"])
def test_no_link_among_private_uploads_is_followed(server: Server, customer: Visitor, part: str) -> None:
    """The owner gets the file, but not what a link in its place leads to."""
    address = upload(customer, "mine.txt")
    assert customer.ask(address)[2] == SECRET
    path = address.replace("/media/", "/data/uploads/", 1)
    moved = path if part == "file" else path.rpartition("/")[0]
    server.exec("web", "sh", "-c", MOVE_AWAY, "sh", moved)
    assert_not_sent(Answer(*customer.ask(address)))


def test_local_sends_files_through_nginx_too(stack: Stack, member: APIRequestContext) -> None:
    """In LOCAL nginx runs as another user than the application, and still reads its files."""
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', member.get("/documents/").text())
    assert token
    file = FilePayload(name="report.txt", mimeType="text/plain", buffer=SECRET.encode())
    page = member.post("/documents/", multipart={"csrfmiddlewaretoken": token[1], "file": file})
    answer = member.get(newest_document(page.text()), headers={"Range": "bytes=0-2"})
    assert (answer.status, answer.text()) == (206, SECRET[:3])
    assert stack.get(publish(stack, "house.txt", "a house")).text == "a house"
