"""What a browser loads for a page, compressed: its HTML, styles, scripts, components, fonts and images."""

import json
import re
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import brotli  # type: ignore[import-untyped]
from django.conf import settings
from django.contrib.staticfiles import finders
from django.templatetags.static import static

RENDERER: Final = "src/render.tsx"  # loads React, for the first component of a page
FONT: Final = re.compile(r"""url\(["']?([^"')]+\.woff2?)""")
COMPRESSED: Final = frozenset({".woff", ".woff2", ".png", ".jpg", ".webp", ".avif"})


class Assets(HTMLParser):
    """Collects the URLs that a page loads, and the names of its components."""

    def __init__(self) -> None:
        """Start with none."""
        super().__init__()
        self.urls: list[str] = []
        self.components: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Add what the tag loads."""
        given = dict(attributes)
        loaded = given.get("href") if tag == "link" else given.get("src") if tag in {"script", "img"} else None
        self.urls += [loaded] if loaded else []
        self.components |= {given["data-component"] or ""} if "data-component" in given else set()


def weights(page: str) -> dict[str, int]:
    """Return the compressed size in bytes of the page and of everything that it loads from this site, by URL."""
    assets = Assets()
    assets.feed(page)
    manifest_file = getattr(settings, "VITE_MANIFEST", None)
    built = json.loads(manifest_file.read_text()) if manifest_file and manifest_file.is_file() else {}
    urls = [url for url in assets.urls if url.startswith(settings.STATIC_URL)]
    # The page names its entry as static files are named, with a second hash; scripts name each other as Vite does.
    entries = [key for key, entry in built.items() if entry.get("isEntry") and static(f"dist/{entry['file']}") in urls]
    wanted = [name for key in entries for name in built[key].get("imports", [])]
    if entries and assets.components:
        wanted += [key for key in built if Path(key).stem in assets.components] + [RENDERER]
    found = {"the page": len(brotli.compress(page.encode()))}
    for url in sorted({*urls, *urls_of(built, wanted)}):
        found |= file_weights(url)
    return found


def urls_of(manifest: dict[str, Any], keys: Iterable[str]) -> set[str]:
    """Return the URLs of the entries of Vite's manifest, with the scripts that they import and their styles."""
    seen: set[str] = set()
    waiting = list(keys)
    while waiting:
        key = waiting.pop()
        if key not in seen and key in manifest:
            seen.add(key)
            waiting += manifest[key].get("imports", [])
    files = [file for key in seen for file in (manifest[key]["file"], *manifest[key].get("css", []))]
    return {f"{settings.STATIC_URL}dist/{file}" for file in files}


def file_weights(url: str) -> dict[str, int]:
    """Return the compressed size of a static file; of a style sheet, also those of its fonts."""
    name = url.removeprefix(settings.STATIC_URL)
    collected = Path(settings.STATIC_ROOT or "", name)
    path = collected if settings.STATIC_ROOT and collected.is_file() else Path(finders.find(name) or name)
    contents = path.read_bytes()
    found = {url: len(contents if path.suffix in COMPRESSED else brotli.compress(contents))}
    if path.suffix == ".css":
        for font in FONT.findall(contents.decode()):
            file = Path(path.parent, font)
            found[font] = file.stat().st_size if file.is_file() else 0
    return found
