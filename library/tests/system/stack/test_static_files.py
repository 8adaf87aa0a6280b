"""Static files of a server: from nginx, compressed beforehand, cached by browsers, with those of earlier releases."""

import re

import pytest
from bedplate.testing.compose import Answer
from bedplate.testing.server import Server

pytestmark = [pytest.mark.stack, pytest.mark.parametrize("server", ["prod"], indirect=True, scope="session")]

BROWSER = "gzip, deflate, br, zstd"


def style_sheet(server: Server) -> str:
    """Return the address of a style sheet of the home page."""
    found = re.search(r'href="(/static/[^"]+\.css)"', server.get("/").text)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        (BROWSER, "br"),
        ("br;q=1.0, gzip;q=0.8", "br"),
        ("BR", "br"),
        ("gzip", "gzip"),
        ("gzip, br;q=0", "gzip"),
        ("gzip, br;q=0.000 , deflate", "gzip"),
        ("brotli, x-br2", None),
        ("identity", None),
    ],
)
def test_the_best_accepted_encoding(server: Server, accepted: str, encoding: str | None) -> None:
    """Brotli before gzip, neither for clients that do not accept it; caches keep them apart; the type is the file's."""
    answer = server.get(style_sheet(server), Accept_Encoding=accepted)
    assert (answer.status, answer.headers.get_all("Content-Encoding")) == (200, [encoding] if encoding else None)
    assert answer.headers.get_all("Vary") == ["Accept-Encoding"]
    assert answer.headers["Content-Type"] == "text/css"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_brotli_is_the_same_file(server: Server) -> None:
    """Decompressed, it is the plain file, and it is smaller than gzip's."""
    path = style_sheet(server)
    sizes = {name: int(server.get(path, Accept_Encoding=name).headers["Content-Length"]) for name in ("br", "gzip")}
    assert sizes["br"] < sizes["gzip"]
    program = "import brotli, sys; sys.stdout.buffer.write(brotli.decompress(open(sys.argv[1], 'rb').read()))"
    unpacked = server.exec("nginx", "cat", f"/srv{path}")
    packed = path.replace("/static/", "/srv/static/br/static/", 1)
    mounted = ("run", "--rm", "--no-deps", "--no-TTY", "--volume", f"{server.project}_static_files:/srv/static:ro")
    assert server.compose(*mounted, "web", "python", "-c", program, packed) == unpacked


def test_names_without_a_hash_are_revalidated(server: Server) -> None:
    """A file whose content may change under its name is revalidated, which costs nothing while it is the same."""
    answer = server.get("/static/css/site.css", Accept_Encoding=BROWSER)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")
    assert (
        server.get("/static/css/site.css", Accept_Encoding=BROWSER, If_None_Match=answer.headers["ETag"]).status == 304
    )


def test_every_file_of_a_page_is_kept(server: Server) -> None:
    """Scripts, styles and pictures of a page have a hash, Vite's included."""
    paths = re.findall(r'(?:href|src)="(/static/[^"]+)"', server.get("/accounts/login/").text)
    assert any("/static/dist/" in path for path in paths)
    answers = {path: server.get(path, Accept_Encoding=BROWSER) for path in paths}
    assert {answer.status for answer in answers.values()} == {200}
    assert [path for path, answer in answers.items() if "immutable" not in answer.headers["Cache-Control"]] == []


def test_missing_file_is_not_cached(server: Server) -> None:
    """A missing file is not cached as missing: it may be about to come."""
    answer = Answer(*server.visitor().ask("/static/css/site.0123456789ab.css", Accept_Encoding=BROWSER))
    assert answer.status == 404
    assert "immutable" not in str(answer.headers["Cache-Control"])
