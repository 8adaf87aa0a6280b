"""PROD as `./install_docker.sh --environment prod` sets it up on a server, and its next release."""

from bedplate.testing.browser import sign_in, visit
from bedplate.testing.compose import run
from bedplate.testing.server import EMAIL, Server
from playwright.sync_api import Page, expect


def test_log_in(production: Server, production_page: Page) -> None:
    """Over HTTPS the site's first user logs in, is named, and is redirected to the second factor that staff need."""
    sign_in(production_page, EMAIL, production.secret("default_user_password").strip())
    expect(production_page.get_by_role("navigation", name="Account", exact=True)).to_contain_text(EMAIL)
    expect(production_page).to_have_url(f"{production.url}/accounts/2fa/?next=%2F")


def test_deploy(production: Server, production_page: Page) -> None:
    """The next release serves once `./bedplate deploy` has ended."""
    footer = production.directory / "web/templates/footer.html"
    footer.write_text(f"{footer.read_text()}<p>The next release</p>\n")
    run(production.directory / "bedplate", "deploy", "--yes", "--no-backup", limit=600)
    visit(production_page, "/")
    expect(production_page.get_by_text("The next release")).to_be_visible()
