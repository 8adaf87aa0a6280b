"""`python -m bedplate.documentation`: generates the parts of pages that show the project's files, or checks them."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import yaml

from bedplate.documentation import compose, diagram
from bedplate.documentation.index import index

COMMAND: Final = ".venv/bin/python -m bedplate.documentation"
# The pages, and the generated parts of each, between the lines `<!-- made: NAME, … -->` and `<!-- end -->`.
PAGES: Final = {"docs/README.md": ("index",), "docs/architecture.md": ("services", "environments", "volumes")}
ENVIRONMENTS: Final = {"LOCAL": "docker-compose.yml", "DEV": "dev.yml", "PROD": "prod.yml"}


def production(root: Path) -> list[compose.Service]:
    """Return the services of PROD."""
    return compose.read(root / ENVIRONMENTS["PROD"])


PARTS: Final[dict[str, Callable[[Path], str]]] = {
    "index": index,
    "services": lambda root: diagram.diagram(production(root)),
    "volumes": lambda root: diagram.volumes(production(root)),
    "environments": lambda root: diagram.environments(
        {
            f"{name} (`{file}`)": compose.read(root / file)
            for name, file in ENVIRONMENTS.items()
            if (root / file).exists()
        }
    ),
}


def current(page: Path, names: Sequence[str], root: Path) -> str:
    """Return a page with its parts generated again. Raise LookupError if the page has no place for one."""
    text = page.read_text()
    for name in names:
        place = re.compile(rf"(<!-- made: {name},.*?-->\n).*?(<!-- end -->)", re.DOTALL)
        if not (found := place.search(text)):
            raise LookupError(f"{page.name} has no line <!-- made: {name}, … -->, or no <!-- end --> after it.")
        text = f"{text[: found.end(1)]}\n{PARTS[name](root)}\n\n{text[found.start(2) :]}"
    return text


def main(arguments: Sequence[str]) -> None:
    """Write the pages, or check them. Exit with 1 if that fails, or a page is out of date."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a page is out of date")
    is_check = parser.parse_args(arguments).check
    root = Path.cwd()
    try:
        pages = {page: current(root / page, names, root) for page, names in PAGES.items() if (root / page).exists()}
    except (yaml.YAMLError, LookupError) as error:
        sys.exit(f"{COMMAND}: {error}")
    changed = {page: text for page, text in pages.items() if text != (root / page).read_text()}
    if is_check and changed:
        sys.exit(f"Out of date: {', '.join(changed)}. To generate them again: {COMMAND}")
    for page, text in changed.items():
        (root / page).write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
