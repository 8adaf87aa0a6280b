"""The release that runs, its migrations, and the links to other pages for staff."""

import platform
from contextlib import suppress
from dataclasses import dataclass

import django
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bedplate.django.operations_page.services import has_flower


@dataclass(frozen=True, kw_only=True)
class Link:
    """A link to another page for staff."""

    title: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Release:
    """The release, and the migrations that it has and the database does not."""

    name: str
    environment: str
    django: str
    python: str
    pending: tuple[str, ...]

    @property
    def links(self) -> list[Link]:
        """The links to the pages that this project has, in the current language."""
        found = [Link(title=_("Administration"), url=reverse("admin:index"))]
        if has_flower():
            found.append(Link(title="Flower", url="/flower/"))
        with suppress(NoReverseMatch):  # where mail is sent
            found.append(Link(title=_("Caught mail"), url=reverse("caught-mail")))
        try:
            resolve("/api/docs")
        except Resolver404:
            return found  # the project has no API
        return [*found, Link(title=_("API documentation"), url="/api/docs")]

    def problems(self) -> list[str]:
        """Return a sentence if migrations are pending."""
        number = len(self.pending)
        sentence = ngettext("%(count)d migration is pending.", "%(count)d migrations are pending.", number)
        return [sentence % {"count": number}] if number else []


def gather_release() -> Release:
    """Return the release. Reading the migrations takes two queries."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return Release(
        name=settings.ENVIRONMENT.release,
        environment=settings.ENVIRONMENT.environment,
        django=django.get_version(),
        python=platform.python_version(),
        pending=tuple(f"{migration.app_label}.{migration.name}" for migration, _backwards in plan),
    )
