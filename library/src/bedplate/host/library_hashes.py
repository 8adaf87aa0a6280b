"""The library as it was released: a made project has a list of hashes. As a program: names what a team changed."""

import hashlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

LIST: Final = "SHA256SUMS"  # sha256sum --check reads it
LIBRARY: Final = Path(__file__).resolve().parents[3]
NOT_OURS: Final = ("__pycache__", ".egg-info")


def hashes(library: Path) -> Mapping[str, str]:
    """Return path → hash of each file of the library, but for the list, hidden files and what Python makes."""
    paths = (path.relative_to(library) for path in sorted(library.rglob("*")) if path.is_file())
    ours = [path for path in paths if not any(part.startswith(".") or part.endswith(NOT_OURS) for part in path.parts)]
    return {str(path): hashlib.sha256((library / path).read_bytes()).hexdigest() for path in ours if path.name != LIST}


def write_list(library: Path) -> None:
    """Write the list."""
    (library / LIST).write_text("".join(f"{digest}  {path}\n" for path, digest in hashes(library).items()))


def differences(library: Path) -> Iterator[str]:
    """Yield what is not as the list says; nothing where there is no list: the next update brings one."""
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
    """Name what the team changed. That is no failure: an update keeps it, and brings back what is missing."""
    if found := list(differences(LIBRARY)):
        sys.stdout.write("\n".join(["library/ is the base project's, and is not as it was released:", *found, ""]))
        sys.stdout.write(
            "Updates bring back what was removed. They keep the rest, and it may meet theirs. What to do instead: "
            "library/docs/how-to/update.md\n"
        )


if __name__ == "__main__":
    main()
