"""`./google_storage.sh` in LOCAL: a backup comes back."""

from bedplate.testing.browser import visit
from bedplate.testing.compose import Stack, run
from playwright.sync_api import Page, expect

ADD_USER = "from users.models import User; User.objects.create_user('late@example.com')"


def test_backup_comes_back(staff_page: Page, stack: Stack) -> None:
    """A verified backup restores the site as it was: later users are gone, the others are there."""
    storage = stack.directory / "google_storage.sh"
    backup = run(storage, "-b", limit=300).strip()
    run(storage, "--verify", backup, limit=300)
    stack.manage("shell", "--no-imports", "--command", ADD_USER)
    visit(staff_page, "/admin/users/user/")
    expect(staff_page.get_by_text("late@example.com")).to_be_visible()
    run(storage, "-r", backup, limit=300)
    visit(staff_page, "/admin/users/user/")
    expect(staff_page.get_by_role("link", name=stack.dotenv["DEFAULT_USER_EMAIL"])).to_be_visible()
    expect(staff_page.get_by_text("late@example.com")).to_have_count(0)
