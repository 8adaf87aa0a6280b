"""The pages of the site that belong to no other app."""

from django.apps import AppConfig


class PagesConfig(AppConfig):
    """The home page, the error pages, and the context of all templates."""

    name = "pages"
