"""The classes of the design: templates of the library use those that its page names; style sheets define them."""

import re

from bedplate.testing.checkout import ROOT
from django.conf import settings

PAGE = ROOT / "library/docs/reference/design.md"
STYLES = settings.BASE_DIRECTORY / "static/css"
LIBRARY = ROOT / "library/src/bedplate/django"
DEFINED = re.compile(r"\.([a-z][\w-]*)(?=[^{};]*\{)")


def defined_classes(text: str) -> set[str]:
    """Return the classes in the selectors of a style sheet."""
    return set(DEFINED.findall(re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)))


def documented_classes() -> set[str]:
    """Return the classes in the table of the page."""
    table = PAGE.read_text().partition("## Classes")[2]
    return {
        name for cell in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE) for name in re.findall(r"`([\w-]+)`", cell)
    }


def test_the_page_names_every_class() -> None:
    """Those that the style sheets define, and no other (the list of messages is only in `base.html`)."""
    defined = {name for sheet in STYLES.glob("*.css") for name in defined_classes(sheet.read_text())}
    assert defined == documented_classes() | {"messages"}


def test_the_page_names_every_property() -> None:
    """Each custom property of `site.css` is in the table."""
    properties = set(re.findall(r"^  (--[\w-]+):", (STYLES / "site.css").read_text(), re.MULTILINE))
    assert {name for name in properties if f"`{name}`" not in PAGE.read_text()} <= {f"--space-{n}" for n in range(2, 6)}


def test_templates_of_the_library_use_classes_that_exist() -> None:
    """A class is the design's, or one of the library's own style sheets."""
    own = {name for sheet in LIBRARY.glob("*/static/css/*.css") for name in defined_classes(sheet.read_text())}
    used = set()
    for template in LIBRARY.glob("*/templates/**/*.html"):
        for value in re.findall(r'class="([^"]*)"', re.sub(r"{[%#{].*?[%#}]}", " ", template.read_text())):
            used |= {name for name in value.split() if not name.endswith("-")}  # the template completes it
    assert used - documented_classes() - own == set()
