"""The secrets of this installation: values that must not be handed over, and where they are written."""

import ast
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bedplate.host.archive.confidential import EXAMPLES
from bedplate.host.embedded import configuration, google_storage
from bedplate.host.errors import AbortError

# A variable is secret by its type in SETTINGS, or by its name. A URL is not secret, but a password in it is.
SETTINGS: Final = ("library/src/bedplate/environment.py", "web/config/environment.py")
SECRET_NAME: Final = re.compile("SECRET|PASSWORD|KEY|TOKEN|IDENTITY|CREDENTIAL", re.IGNORECASE)
ADDRESS_NAME: Final = re.compile("_(URL|URI)$", re.IGNORECASE)
PASSWORD_IN_ADDRESS: Final = re.compile(r"://[^\s/@:]*:([^\s/@]+)@")
# A line of a dotenv file, also a commented one: it may have an earlier value. A quoted value may have several lines.
ASSIGNMENT: Final = re.compile(
    r"""^[ \t#]*(?:export\s+)?(\w+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|'[^']*'|.*)""", re.MULTILINE
)
USER: Final = re.compile(r"^[^\s:{}$]+:(\{\w+\}|(?=\$))")  # of HTTP basic auth: user:{PLAIN}password, user:$apr1$…
OF_S3: Final = re.compile(r"^\s*aws_(access_key_id|secret_access_key)\s*[=:]\s*", re.IGNORECASE)  # the first is a name
AGE_IDENTITY: Final = "AGE-SECRET-KEY-"

# A shorter value occurs in texts by chance. The minimum length depends on the number of kinds of characters.
SHORTEST: Final = {1: 16, 2: 12, 3: 8, 4: 8}
DISTINCT: Final = 5
# PostgreSQL's copy of secrets/postgres_password, which only that server can read.
READABLE_BY_POSTGRESQL: Final = "postgres_server_password"


@dataclass(frozen=True)
class Secret:
    """A value, and where it is written."""

    value: str
    place: str

    @property
    def is_searchable(self) -> bool:
        """True if the value is long enough that it does not occur by chance."""
        tests = (str.islower, str.isupper, str.isdigit, lambda character: not character.isalnum())
        kinds = sum(any(map(test, self.value)) for test in tests)
        return len(set(self.value)) >= DISTINCT and len(self.value) >= SHORTEST.get(kinds, SHORTEST[1])

    def parts(self) -> Iterator["Secret"]:
        """Yield the value without a user name, and its words: each may occur alone elsewhere."""
        for value in dict.fromkeys([self.without_user, *self.without_user.split()]):
            yield Secret(value, self.place)

    @property
    def without_user(self) -> str:
        """The password in a line for HTTP basic auth; another line as it is."""
        return USER.sub("", self.value) or self.value


def read_secrets(root: Path) -> Iterator[Secret]:
    """Yield every secret of the installation in this folder. Raise AbortError if one cannot be read."""
    example = root / ".env.example"
    public = {value for _, value, _ in _assignments(example)} if example.exists() else set()
    for secret in _all_secrets(root):
        if secret.value and secret.value not in public:
            yield secret


def _all_secrets(root: Path) -> Iterator[Secret]:
    typed = frozenset[str]().union(*(_secret_settings(root / file) for file in SETTINGS))
    for file in sorted(root.glob(".env*")):
        if file.is_file() and not any(file.match(pattern) for pattern in EXAMPLES):
            yield from _secrets_in_dotenv(file, typed)
    for file in sorted((root / "secrets").rglob("*")):
        if file.is_file():
            yield from _secrets_in_file(file, str(file.relative_to(root)))
    for credentials in _google_credentials(root):
        yield from _secrets_in_file(credentials, str(credentials))
    remotes = root / ".git/config"
    for password in PASSWORD_IN_ADDRESS.findall(_text(remotes)) if remotes.is_file() else ():
        yield Secret(password, str(remotes.relative_to(root)))


def _secret_settings(file: Path) -> frozenset[str]:
    """Return the variables with a secret type in the application's settings."""
    if not file.exists():
        return frozenset()
    try:
        nodes = ast.walk(ast.parse(_text(file)))
    except SyntaxError:  # of a newer Python: the names decide
        return frozenset()
    fields = (node for node in nodes if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name))
    return frozenset(ast.unparse(field.target).upper() for field in fields if "Secret" in ast.unparse(field.annotation))


def _google_credentials(root: Path) -> Iterator[Path]:
    """Yield the files with this project's credentials from `./google_storage.sh -a`, in Docker and in embedded mode."""
    for file in filter(Path.exists, (root / ".env", root / ".env.embedded")):
        variables = {**os.environ, **configuration.read(file)}
        path = Path(variables.get("GOOGLE_CREDENTIALS") or google_storage.credentials(variables))
        if path.is_file():
            yield path


def _secrets_in_dotenv(file: Path, typed: frozenset[str]) -> Iterator[Secret]:
    for name, value, line in _assignments(file):
        place = f"{name} in {file.name}, line {line}"
        yield from (Secret(password, place) for password in PASSWORD_IN_ADDRESS.findall(value))
        if name.upper() in typed or (SECRET_NAME.search(name) and not ADDRESS_NAME.search(name)):
            yield from (Secret(part.strip(), place) for part in re.split(r"\n|\\n", value))


def _assignments(file: Path) -> Iterator[tuple[str, str, int]]:
    """Yield name, value and line of each variable in a dotenv file, parsed as tolerantly as possible."""
    text = _text(file)
    for match in ASSIGNMENT.finditer(text):
        name, value = match[1], match[2].strip()
        unquoted = value[1:-1] if value[:1] in {'"', "'"} else re.sub(r"\s+#.*", "", value)
        yield name, unquoted, text.count("\n", 0, match.start()) + 1


def _secrets_in_file(file: Path, name: str) -> Iterator[Secret]:
    """Yield each line of a file of secrets; for JSON only the secret fields, as the others are public."""
    text = _text(file)
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    if isinstance(fields, dict | list):
        yield from (Secret(value, f"{field} in {name}") for field, value in _secrets_in_json(fields))
        return
    has_comments = AGE_IDENTITY in text
    for number, line in enumerate(text.splitlines(), start=1):
        is_public = line.startswith("-----") or (has_comments and line.startswith("#"))
        of_s3 = OF_S3.match(line)
        if not is_public and not (of_s3 and of_s3[1].lower() == "access_key_id"):
            yield Secret(OF_S3.sub("", line).strip(), f"{name}, line {number}")


def _secrets_in_json(data: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield name and value of the secret fields; for a private key, each line."""
    if isinstance(data, dict):
        for field, value in data.items():
            yield from _secrets_in_json(value, field)
    elif isinstance(data, list):
        for value in data:
            yield from _secrets_in_json(value, name)
    elif isinstance(data, str) and SECRET_NAME.search(name) and not ADDRESS_NAME.search(name):
        yield from ((name, line.strip()) for line in data.splitlines() if not line.startswith("-----"))


def _text(file: Path) -> str:
    """Return the content of a file; bytes that are not UTF-8 survive the same encoding."""
    try:
        return file.read_bytes().decode(errors="surrogateescape")
    except OSError as error:
        if file.name == READABLE_BY_POSTGRESQL:
            return ""
        raise AbortError(
            f"{file} cannot be read ({error.strerror}), so the archive cannot be searched for its secrets.",
            "Run this as the user who owns it, or as root.",
        ) from None
