"""Hashes of the library's files as released; every project has the list. As a program, print the team's changes."""

import hashlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

LIST: Final = "SHA256SUMS"  # sha256sum --check reads it
LIBRARY: Final = Path(__file__).resolve().parents[3]
GENERATED: Final = ("__pycache__", ".egg-info")


def hashes(library: Path) -> Mapping[str, str]:
    """Return the hash of each file of the library by path, without the list, hidden and generated files."""
    paths = (path.relative_to(library) for path in sorted(library.rglob("*")) if path.is_file())
    ours = [path for path in paths if not any(part.startswith(".") or part.endswith(GENERATED) for part in path.parts)]
    return {str(path): hashlib.sha256((library / path).read_bytes()).hexdigest() for path in ours if path.name != LIST}


def write_list(library: Path) -> None:
    """Write the list."""
    (library / LIST).write_text("".join(f"{digest}  {path}\n" for path, digest in hashes(library).items()))


def differences(library: Path) -> Iterator[str]:
    """Yield the differences from the list; none without a list, which the next update writes."""
    if not (library / LIST).exists():
        return
    lines = (library / LIST).read_text().splitlines()
    released = {path: digest for digest, _, path in (line.partition("  ") for line in lines)}
    now = hashes(library)
    for path in sorted(released.keys() | now.keys()):
        if released.get(path) != now.get(path):
            yield f"{'new' if path not in released else 'removed' if path not in now else 'changed':8} {path}"


def removed(library: Path) -> bool:
    """Return whether a file of the list is missing."""
    return any(difference.startswith("removed") for difference in differences(library))


def main() -> None:
    """Print the team's changes. They are not a failure: an update keeps them, and restores missing files."""
    if found := list(differences(LIBRARY)):
        sys.stdout.write("\n".join(["library/ is the base project's, and differs from the release:", *found, ""]))
        sys.stdout.write(
            "Updates restore removed files. They keep other changes, which may conflict later. What to do instead: "
            "library/docs/how-to/update.md\n"
        )


if __name__ == "__main__":
    main()
