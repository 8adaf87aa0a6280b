"""`manage.py compilemessages`: compiles the project's catalogs of translations. Needs no gettext."""

from pathlib import Path
from typing import Any

from bedplate.django.development import catalog, compiled
from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import compilemessages


class Command(compilemessages.Command):
    """Compiles the catalogs in LOCALE_PATHS, and writes those whose translations have changed."""

    help = "Compile the catalogs (*.po) in LOCALE_PATHS to *.mo. Read and write nothing else."

    def handle(self, *_: Any, **options: Any) -> None:
        """Compile the catalogs. Raise CommandError for an invalid one."""
        for folder in settings.LOCALE_PATHS:
            for file in sorted(Path(folder).glob("*/LC_MESSAGES/*.po")):
                locale = file.parts[-3]
                if locale in (options["locale"] or [locale]) and locale not in options["exclude"]:
                    self._compile(file, use_fuzzy=options["fuzzy"])

    def _compile(self, file: Path, *, use_fuzzy: bool) -> None:
        try:
            translated = compiled.messages(catalog.entries(file.read_text(encoding="utf-8")), use_fuzzy=use_fuzzy)
        except catalog.CatalogError as error:
            raise CommandError(f"{file}: {error}") from None
        written = file.with_suffix(".mo")
        if not written.is_file() or compiled.read(written.read_bytes()) != translated:
            compiled.replace(written, compiled.write(translated))
            self.stdout.write(f"Compiled {file}")
