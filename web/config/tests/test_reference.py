import pytest
from bedplate.django.development.reference import settings_page
from django.conf import settings

from config.environment import Environment

PAGE = settings.BASE_DIRECTORY.parent / "docs" / "reference" / "settings.md"


@pytest.mark.skipif(not PAGE.parent.is_dir(), reason="a container has only web/, without docs/")
def test_the_page_about_settings_is_up_to_date() -> None:
    assert PAGE.read_text() == settings_page(Environment), "Run: manage.py describe_settings"


def test_every_variable_has_a_row_with_its_meaning() -> None:
    rows = [line.split(" | ") for line in settings_page(Environment).splitlines() if line.startswith("| `")]
    assert len(rows) > 20
    assert all(cells[-1].strip("| ") for cells in rows)


def test_a_secret_is_marked_and_a_required_one_has_no_default() -> None:
    assert "| `SECRET_KEY` | text | required | yes |" in settings_page(Environment)
