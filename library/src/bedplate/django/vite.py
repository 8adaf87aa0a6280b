"""Vite's URLs in pages, independent of the site's host name."""

from urllib.parse import urlsplit

from django_vite.core.asset_loader import DjangoViteAppClient


class SameOriginClient(DjangoViteAppClient):
    """Vite's server behind the site's own nginx: URLs without scheme, host and port."""

    def get_dev_server_url(self, path: str) -> str:
        """Return the path that nginx passes to Vite's server as `path`."""
        return urlsplit(super().get_dev_server_url(path)).path
