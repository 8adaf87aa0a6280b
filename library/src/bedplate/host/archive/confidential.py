"""Names of files that are never handed over, even if they are committed."""

from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Final

FOLDERS: Final = ("secrets", "var", "node_modules", "__pycache__", ".venv*", ".*_cache")
FILES: Final = (
    *(".env", ".env.*", "*.pem", "*.key", "*.p12", "*.pfx", "id_rsa*", "id_ed25519*", ".netrc", ".pypirc"),
    *("credentials.json", "key.json", "*.sqlite3*", "*.pyc", "*.log"),
)
EXAMPLES: Final = (".env.example", ".env.example.*")


def is_confidential(name: str) -> bool:
    """Return whether the name of a file in the project forbids to hand it over, whatever its content."""
    path = PurePosixPath(name.lower())
    if any(fnmatchcase(folder, pattern) for folder in path.parts[:-1] for pattern in FOLDERS):
        return True
    matches = [pattern for pattern in FILES if fnmatchcase(path.name, pattern)]
    return bool(matches) and not any(fnmatchcase(path.name, pattern) for pattern in EXAMPLES)
