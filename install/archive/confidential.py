"""What is never handed over, were it committed ten times: files by their names, secrets by their values."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Final

from embedded import RefusalError, configuration

FOLDERS: Final = ("secrets", "var", "node_modules", "__pycache__", ".venv*", ".*_cache")
FILES: Final = (
    *(".env", ".env.*", "*.pem", "*.key", "*.p12", "*.pfx", "id_rsa*", "id_ed25519*", ".netrc", ".pypirc"),
    *("credentials.json", "key.json", "*.sqlite3*", "*.pyc", "*.log"),
)
EXAMPLES: Final = (".env.example", ".env.example.*")

# Variables with these in their names hold secrets. A value that is shorter may be in the code by chance.
SECRET: Final = re.compile("SECRET|PASSWORD|KEY|TOKEN|IDENTITY", re.IGNORECASE)
SHORTEST: Final = 12


@dataclass(frozen=True)
class Confidential:
    """The secrets of this installation: value → where it is."""

    values: Mapping[bytes, str]

    @classmethod
    def read(cls, root: Path) -> "Confidential":
        """Return what .env, .env.embedded and secrets/ hold."""
        return cls({value.encode(): place for place, value in _secrets(root) if len(value) >= SHORTEST})

    def require_none_in(self, name: str, content: bytes) -> None:
        """Raise RefusalError when a file's content has one of the secrets."""
        for value, place in self.values.items():
            if value in content:
                raise RefusalError(
                    f"{name}, which is committed, holds a secret of this installation: {place}.",
                    "Remove it from the file, and change the secret: who has the repository knows it.",
                )


def is_confidential(name: str) -> bool:
    """Return whether a file of this path in the project stays here, whatever it holds."""
    path = PurePosixPath(name)
    if any(fnmatch(folder, pattern) for folder in path.parts[:-1] for pattern in FOLDERS):
        return True
    matches = [pattern for pattern in FILES if fnmatch(path.name, pattern)]
    return bool(matches) and not any(fnmatch(path.name, pattern) for pattern in EXAMPLES)


def _secrets(root: Path) -> Iterator[tuple[str, str]]:
    for file in (root / ".env", root / ".env.embedded"):
        if file.exists():
            variables = configuration.read(file)
            yield from ((f"{name} of {file.name}", value) for name, value in variables.items() if SECRET.search(name))
    folder = root / "secrets"
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        text = file.read_text(errors="replace").strip()
        yield f"secrets/{file.name}", text
        yield from ((f"secrets/{file.name}", value) for value in _secrets_in_json(text))


def _secrets_in_json(text: str) -> Iterator[str]:
    """Yield the secret values in the credentials of Google: a private key by its lines."""
    try:
        fields = json.loads(text)
    except ValueError:
        return
    for name, value in fields.items() if isinstance(fields, dict) else ():
        if SECRET.search(name) and isinstance(value, str):
            yield from (line for line in value.splitlines() if not line.startswith("-----"))
