"""`manage.py makemessages`: updates the project's catalogs of translations. Needs no gettext."""

from pathlib import Path
from typing import Any

import django
from bedplate.django.development import catalog, compiled
from bedplate.django.development.texts import sources, texts
from django.conf import settings
from django.conf.locale import LANG_INFO
from django.core.management.base import CommandError
from django.core.management.commands import makemessages
from django.utils.translation import to_locale


def plural_forms(locale: str) -> str:
    """Return Django's Plural-Forms header for a language."""
    file = Path(django.__path__[0], "conf/locale", locale, "LC_MESSAGES/django.mo")
    header = compiled.read(file.read_bytes() if file.is_file() else b"").get(b"", b"").decode()
    forms = [line.partition(":")[2].strip() for line in header.splitlines() if line.startswith("Plural-Forms:")]
    return (forms or ["nplurals=2; plural=(n != 1);"])[0]


def new_catalog(locale: str) -> str:
    """Return an empty catalog of a language."""
    code = locale.replace("_", "-").lower()
    name = LANG_INFO.get(code, {}).get("name", locale)
    return catalog.HEADER.format(name=name, locale=locale, plural_forms=plural_forms(locale))


class Command(makemessages.Command):
    """Adds new texts, and removes deleted ones, in the first folder of LOCALE_PATHS. Keeps other entries unchanged."""

    help = (
        "Update locale/<language>/LC_MESSAGES/django.po of every existing language, or of the languages in "
        "--locale, which are created if necessary. Formatting options are for other domains (--domain djangojs), "
        "which need GNU gettext."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Update the catalogs. Raise CommandError for an invalid one."""
        if options["domain"] != "django":
            super().handle(*args, **options)
            return
        if not settings.LOCALE_PATHS:
            raise CommandError("LOCALE_PATHS names no folder for translations.")
        folder = Path(settings.LOCALE_PATHS[0])
        present = sorted(path.parts[-3] for path in folder.glob("*/LC_MESSAGES/django.po"))
        for name in options["locale"] or present:
            locale = to_locale(name) if "-" in name else name
            if locale not in options["exclude"]:
                self._update(folder, locale)

    def _update(self, folder: Path, locale: str) -> None:
        file = folder / locale / "LC_MESSAGES" / "django.po"
        before = file.read_text(encoding="utf-8") if file.is_file() else ""
        try:
            change = catalog.merge(before or new_catalog(locale), texts(*sources(folder.parent, locale)))
        except catalog.CatalogError as error:
            raise CommandError(f"{file}: {error}") from None
        if change.written != before:
            file.parent.mkdir(parents=True, exist_ok=True)
            compiled.replace_text(file, change.written)
        self.stdout.write(f"{locale}: {len(change.added)} new, {len(change.removed)} gone, in {file}")
        for entry in change.removed:
            self.stdout.write(f"  gone: {entry.text.singular!r}, translated as {entry.translations[0]!r}")
