"""The production image: its contents, its refusals, its answers."""

import json
import re
import shutil
from collections.abc import Iterator

import pytest
from bedplate.testing.browser import log_in, set_up_second_factor, visit
from bedplate.testing.compose import Stack, run
from bedplate.testing.stack import NewPage
from playwright.sync_api import Playwright, expect

from stack.conftest import Report
from stack.production import Production, Site

pytestmark = pytest.mark.stack

HTTPS = {"X-Forwarded-Proto": "https"}
FORBIDDEN_COMMANDS = "cc gcc g++ clang ld make cargo uv node npm npx vite"


@pytest.fixture(scope="module")
def production(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Production:
    """Return the production image of the stack's code."""
    secrets = tmp_path_factory.mktemp("secrets")
    return Production.build(stack, directory=stack.directory, tag="production", secrets=secrets)


@pytest.fixture(scope="module")
def site(production: Production) -> Iterator[Site]:
    """Return the running production image."""
    with production.serve() as site:
        yield site


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"POSTGRES_PASSWORD": "of-the-test"}, "SECRET_KEY"),
        ({"POSTGRES_PASSWORD": "of-the-test", "SECRET_KEY": "change-me" * 8}, "SECRET_KEY"),
        ({"SECRET_KEY": "a-secret-key-of-more-than-32-characters"}, "POSTGRES_PASSWORD"),
    ],
    ids=["no key", "placeholder", "no password"],
)
def test_unusable_secret_stops_the_start(production: Production, variables: dict[str, str], named: str) -> None:
    """Without a usable secret the server does not start, and names the variable, not its value."""
    said = production.refusal(**variables)
    assert "The configuration is not usable." in said
    assert set(re.findall("^  ([A-Z_]+): ", said, re.MULTILINE)) == {named}
    assert not [value for value in variables.values() if value in said]


def test_no_build_or_test_tools_are_inside(production: Production) -> None:
    """No compiler, package manager, Node, test, frontend source or `.env` is in it."""
    tools = (
        f"for tool in {FORBIDDEN_COMMANDS}; do if command -v $tool; then echo; fi; done; ls /opt/venv/bin | grep pip"
    )
    files = r"find /app \( -name tests -o -name conftest.py -o -name frontend -o -name node_modules -o -name '.*' \)"
    found = production.run("sh", "-c", f"{tools}; {files}; python -c 'import pip' 2>&1 | grep --count ModuleNotFound")
    assert found.split() == ["1"]


def test_it_runs_as_a_numeric_user(production: Production) -> None:
    """The image's user is a number, not root: nothing in it needs a name, or root."""
    (inspected,) = json.loads(run("docker", "image", "inspect", production.image))
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", inspected["Config"]["User"])
    assert production.run("id", "-u").strip() != "0"


def test_it_is_small(production: Production, report: Report) -> None:
    """It takes at most 175 MB above its base image."""
    template = ("docker", "image", "inspect", "--format", "{{.Size}}")
    size, base = (int(run(*template, image)) for image in (production.image, "python:3.14-slim"))
    report(f"the production image is {(size - base) / 1e6:.0f} MB above its base image (at most 175)")
    assert size - base <= 175e6


def test_deployment_check_is_clean(production: Production) -> None:
    """Django has no warnings in production."""
    assert "no issues" in production.run("python", "manage.py", "check", "--deploy", "--fail-level", "WARNING")


def test_http_leads_to_https(site: Site) -> None:
    """Only HTTPS is served; browsers are told to remember; health checks need neither."""
    answer = site.get("/", X_Forwarded_Proto="http")
    assert (answer.status, answer.headers["Location"]) == (301, f"https://127.0.0.1:{site.port}/")
    assert int(re.findall(r"max-age=(\d+)", site.get("/").headers["Strict-Transport-Security"])[0]) >= 31_536_000
    assert site.get("/health/live", X_Forwarded_Proto="http").status == 200


def assert_is_designed(site: Site, html: str, heading: str) -> None:
    """Assert that the page has this heading and the site's styles, and reveals nothing of the code."""
    assert f"<h1>{heading}</h1>" in html
    styles = [link for link in site.static_links(html) if link.endswith(".css")]
    assert styles
    assert [site.get(link).status for link in styles] == [200] * len(styles)
    assert "Traceback" not in html
    assert "DEBUG" not in html


@pytest.mark.parametrize(
    ("status", "heading", "request_"),
    [
        (404, "Page not found", {"path": "/nothing-here"}),
        (403, "The form was not sent", {"path": "/accounts/login/", "method": "POST"}),
        (400, "Bad request", {"path": "/", "Host": "evil.example"}),
    ],
)
def test_error_page(site: Site, status: int, heading: str, request_: dict[str, str]) -> None:
    """Errors have pages in the site's design."""
    answer = site.get(**request_)
    assert answer.status == status
    assert_is_designed(site, answer.text, heading)


def test_server_error_page(production: Production, stack: Stack) -> None:
    """A server error, such as no database, has its page too, with the number of the log line."""
    session = f"{stack.project}_session=anything"
    with production.serve(POSTGRES_HOST="nowhere") as site:
        answer = site.get("/tasks/", Cookie=session)
        assert answer.status == 500
        assert_is_designed(site, answer.text, "Something went wrong")
        assert f"<code>{answer.headers['X-Request-ID']}</code>" in answer.text


def test_static_files_are_kept_by_browsers(site: Site) -> None:
    """Every file that a page names carries a hash and may be cached forever; a file without a hash may not."""
    links = site.static_links(site.get("/").text)
    assert len(links) > 2
    for link in links:
        answer = site.get(link)
        assert answer.status == 200
        assert "immutable" in answer.headers["Cache-Control"], link
    assert "immutable" not in site.get("/static/css/site.css").headers["Cache-Control"]


def test_static_files_are_compressed(site: Site) -> None:
    """Style sheets are compressed for clients that accept it."""
    (style, *_) = (link for link in site.static_links(site.get("/").text) if link.endswith(".css"))
    assert site.get(style, Accept_Encoding="gzip").headers["Content-Encoding"] == "gzip"


def test_built_frontend_works(site: Site, stack: Stack, playwright: Playwright, new_page: NewPage) -> None:
    """The built component works in the browser, under the production policy."""
    stack.make_user("engineer@example.com", password="an-engineer's-password")
    stack.query("UPDATE users_user SET is_staff = true WHERE email = 'engineer@example.com'")
    engineer = log_in(playwright, stack.url, email="engineer@example.com", password="an-engineer's-password")
    set_up_second_factor(engineer, "an-engineer's-password")
    page = new_page(base_url=site.url, storage_state=engineer.storage_state(), extra_http_headers=HTTPS)
    engineer.dispose()
    visit(page, "/")
    expect(page.locator(".stack-status--ok")).to_be_visible()


def test_project_without_frontend(stack: Stack, tmp_path_factory: pytest.TempPathFactory, new_page: NewPage) -> None:
    """Without the folder web/frontend the image builds, checks pass, and pages need none of it."""
    directory = tmp_path_factory.mktemp("without-frontend")
    shutil.copytree(stack.directory / "web", directory / "web", ignore=shutil.ignore_patterns("frontend"))
    secrets = tmp_path_factory.mktemp("secrets")
    without = Production.build(stack, directory=directory, tag="without-frontend", secrets=secrets)
    assert "no issues" in without.run("python", "manage.py", "check")
    with without.serve() as site:
        page = new_page(base_url=site.url, extra_http_headers=HTTPS)
        visit(page, "/")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert "/static/dist/" not in page.content()
