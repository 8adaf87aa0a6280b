"""Grades of MDN's HTTP Observatory for PROD's pages; the target is A+, 100 points or more."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from bedplate.testing.compose import run
from bedplate.testing.server import DOMAIN, Server

from stack.conftest import Report

pytestmark = [pytest.mark.stack, pytest.mark.parametrize("server", ["prod"], indirect=True, scope="session")]

PAGES: Final = ("/", "/accounts/login/", "/accounts/password/reset/", "/documents/", "/admin/", "/static/css/site.css")


@pytest.fixture
def observatory(server: Server) -> Iterator[str]:
    """Return the image of the scanner."""
    image = f"{server.project}-observatory"
    run("docker", "build", "--tag", image, Path(__file__).parent / "observatory", limit=300)
    yield image
    run("docker", "image", "rm", "--force", image)


def test_pages_have_the_best_grade(server: Server, observatory: str, tmp_path: Path, report: Report) -> None:
    """Every page that the scanner can read has the best grade."""
    certificate = tmp_path / "certificate.pem"
    certificate.write_text(server.certificate)
    output = run(
        "docker", "run", "--rm", f"--network={server.network}", f"--add-host={DOMAIN}:127.0.0.1",
        f"--volume={certificate}:/certificate.pem:ro", "--env=NODE_EXTRA_CA_CERTS=/certificate.pem",
        observatory, DOMAIN, str(server.https_port), *PAGES,
    )  # fmt: skip
    judged = json.loads(output)
    for page, result in judged.items():
        report(f"HTTP Observatory: {page} has {result['score']}, {result['grade']} (at least 100, A+)")
    assert set(judged) == set(PAGES)
    assert {
        page: result for page, result in judged.items() if (result["grade"], result["score"] >= 100) != ("A+", True)
    } == {}
