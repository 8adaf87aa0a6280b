"""Every text of the project is translated, and the compiled catalogs are up to date."""

from pathlib import Path
from typing import Final

import pytest
from bedplate.django.development.texts import sources
from bedplate.testing.translations import problems
from django.conf import settings

WEB: Final[Path] = settings.BASE_DIRECTORY
CATALOGS: Final = sorted((WEB / "locale").glob("*/LC_MESSAGES/django.po"))


def test_there_is_a_catalog_for_every_language_but_the_source() -> None:
    assert {path.parts[-3] for path in CATALOGS} == {code for code, _name in settings.LANGUAGES} - {"en"}


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda path: path.parts[-3])
def test_every_text_is_translated_and_compiled(catalog: Path) -> None:
    assert problems(catalog, *sources(WEB, catalog.parts[-3])) == []
