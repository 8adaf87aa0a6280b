"""Vite's addresses in pages, the same from whichever name the site is reached by."""

from urllib.parse import urlsplit

from django_vite.core.asset_loader import DjangoViteAppClient


class SameOriginClient(DjangoViteAppClient):
    """Vite's server behind the site's own nginx: addresses without scheme, host and port."""

    def get_dev_server_url(self, path: str) -> str:
        """Return the path under which nginx passes `path` to Vite's server."""
        return urlsplit(super().get_dev_server_url(path)).path
