"""The pages of the site that belong to no other app."""

from django.apps import AppConfig


class PagesConfig(AppConfig):
    """The home page, error pages, and what every page shows."""

    name = "pages"
