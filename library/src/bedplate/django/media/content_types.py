"""The content types of uploads, by their names, and which of them a browser may show."""

import mimetypes
from typing import Final

SHOWN_IN_BROWSER: Final = ("image/avif", "image/gif", "image/jpeg", "image/png", "image/webp", "text/plain")
DOWNLOADED: Final = "application/octet-stream"


def type_of(name: str) -> str:
    """Return the content type for the file's name. A compressed file (`page.html.gz`) is not of its content's type."""
    found, encoding = mimetypes.guess_type(name)
    return found if found and not encoding else DOWNLOADED


def shown_in_browser(name: str) -> bool:
    """Return whether a browser may show the file. HTML, SVG and PDF may have scripts: they are downloaded."""
    return type_of(name) in SHOWN_IN_BROWSER
