"""Creates the tables, and fills the one of the page: `python -m one_query_page.prepare`."""

import datetime as dt
from typing import Final

import django
from django.core.management import call_command

COUNT: Final = 1_000


def main() -> None:
    """Create the project's tables, and the benchmark's with as many books as an everyday table has."""
    django.setup()
    call_command("migrate", run_syncdb=True, interactive=False, verbosity=0)
    fill()


def fill() -> None:
    """Replace the content of the table by the books."""
    from one_query_page.models import Book  # noqa: PLC0415 (models load after django.setup)

    first = dt.date(2000, 1, 1)
    Book.objects.all().delete()
    Book.objects.bulk_create(
        Book(
            title=f"The art of doing thing number {number}",
            author=f"Author <{number % 40}> & sons",
            pages=100 + number % 500,
            published=first + dt.timedelta(days=number),
        )
        for number in range(COUNT)
    )


if __name__ == "__main__":
    main()
