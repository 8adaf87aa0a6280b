"""The index of a project's pages: first the root and docs/, then their folders and the library's."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

FOLDER: Final = "docs"
LIBRARY: Final = "library/docs"  # its folders are sections, like the folders of docs/
PAGE: Final = "README.md"  # in the root, about the project; in a folder, its own index
SECTIONS: Final = {"how-to": "How to", "reference": "Reference", "adr": "Decisions"}


def index(root: Path) -> str:
    """Return a list of links to all pages, for docs/README.md."""
    docs = root / FOLDER
    own_pages = [page for folder in (root, docs) for page in folder.glob("*.md") if page.name != PAGE]
    folders = [folder for pages in (docs, root / LIBRARY) for folder in pages.rglob("*") if any(folder.glob("*.md"))]
    sections = {folder.name: [other for other in folders if other.name == folder.name] for folder in folders}
    parts = ["## The project", "", f"- [README](../{PAGE})", *links(own_pages, docs)]
    for name in sorted(sections, key=section_order):
        pages = [page for folder in sections[name] for page in pages_of(folder)]
        parts += ["", f"## {SECTIONS.get(name, name)}", "", *links(pages, docs)]
    return "\n".join(parts)


def pages_of(folder: Path) -> Iterable[Path]:
    """Return the pages of a folder, or its own index."""
    return [folder / PAGE] if (folder / PAGE).exists() else folder.glob("*.md")


def section_order(name: str) -> tuple[int, str]:
    """Return the sort key of a section: the known ones first."""
    known = list(SECTIONS)
    return (known.index(name) if name in known else len(known)), name


def links(pages: Iterable[Path], docs: Path) -> Iterator[str]:
    """Yield a line for each page, by file name."""
    for page in sorted(pages, key=lambda page: page.name.lower()):
        yield f"- [{title(page)}]({page.relative_to(docs, walk_up=True).as_posix()})"


def title(page: Path) -> str:
    """Return the title of a page: its first heading, or its name."""
    headings = (line.removeprefix("# ") for line in page.read_text().splitlines() if line.startswith("# "))
    return next(headings, page.stem)
