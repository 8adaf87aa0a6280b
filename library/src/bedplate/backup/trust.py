"""The trusted keys: this environment's own, and those in `web/config/backup_signers`.

That file has OpenSSH's format of allowed signers (ssh-keygen(1)), a line for each key:

    shop/prod valid-after="20261127Z",valid-before="20271127Z" ssh-ed25519 AAAA… comment

The name is PROJECT/ENVIRONMENT; several are separated by commas. Dates apply to the backup, in UTC. An expired key is
trusted for backups that were stored before it expired.
"""

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bedplate.backup.errors import WrongUseError
from bedplate.backup.names import LONGEST_BACKUP, SLUG
from bedplate.backup.signatures import KEY_TYPE, Signature, SigningKey, key_of_blob, public_text

SIGNERS: Final = "backup_signers"
"""The file, beside the project's settings."""

OPTION: Final = r'(valid-after|valid-before|namespaces)="([^"]*)"'
OPTIONS: Final = re.compile(f"{OPTION}(?:,{OPTION})*", re.IGNORECASE)
LINE: Final = re.compile(rf"(\S+)[ \t]+(?:(\S+)[ \t]+)?{KEY_TYPE}[ \t]+([A-Za-z0-9+/=]+)(?:[ \t].*)?")
DATE: Final = re.compile(r"[0-9]{8}(?:[0-9]{4}(?:[0-9]{2})?)?")
DATE_FORMATS: Final = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
EDITED: Final = "has a signature that does not match: it was edited, or damaged"
HOW: Final = "library/docs/how-to/backups.md#signatures"


@dataclass(frozen=True)
class Claim:
    """The claim that a signature must prove."""

    purpose: str
    name: str
    """The required signer: PROJECT/ENVIRONMENT."""
    at: datetime
    """The time that the object itself claims."""
    stored: datetime | None = None
    """The time that the store reports, if it does."""


@dataclass(frozen=True, kw_only=True)
class Signer:
    """A trusted key, with its PROJECT/ENVIRONMENT names and its period of validity."""

    names: frozenset[str]
    public: bytes
    after: datetime | None = None
    before: datetime | None = None
    purposes: frozenset[str] | None = None
    """The allowed purposes of signatures; None for any."""

    @classmethod
    def from_line(cls, line: str) -> "Signer":
        """Return the signer in a line. Raise ValueError with the reason if it is invalid."""
        if not (match := LINE.fullmatch(line)):
            raise ValueError(f'is not of the form PROJECT/ENVIRONMENT valid-before="…" {KEY_TYPE} AAAA…')
        names, options, key = match.groups()
        listed = frozenset(names.split(","))
        if not all(_is_a_name(name) for name in listed):
            raise ValueError(f"has a name that is not PROJECT/ENVIRONMENT: {names}")
        values = _options(options or "")
        purposes = values.get("namespaces")
        return cls(
            names=listed,
            public=_public_key(key),
            after=_date(values.get("valid-after")),
            before=_date(values.get("valid-before")),
            purposes=None if purposes is None else frozenset(purposes.split(",")),
        )

    def may_make(self, claim: Claim) -> bool:
        """Return whether the key may sign the claim at all."""
        return claim.name in self.names and (self.purposes is None or claim.purpose in self.purposes)

    def was_valid(self, claim: Claim) -> bool:
        """Return whether the claim was made while the key was valid, and stored soon enough afterwards."""
        if self.after and claim.at < self.after:
            return False
        late = self.before and claim.stored and claim.stored - LONGEST_BACKUP >= self.before
        return self.before is None or (claim.at <= self.before and not late)


def _is_a_name(name: str) -> bool:
    project, separator, environment = name.partition("/")
    return bool(separator and SLUG.fullmatch(project) and SLUG.fullmatch(environment))


def _options(text: str) -> dict[str, str]:
    if text and not OPTIONS.fullmatch(text):
        raise ValueError(f'has an option that is not valid-after="…", valid-before="…" or namespaces="…": {text}')
    pairs = [(name.lower(), value) for name, value in re.findall(OPTION, text, re.IGNORECASE)]
    if len(dict(pairs)) < len(pairs):
        raise ValueError(f"has an option twice: {text}")
    return dict(pairs)


def _public_key(text: str) -> bytes:
    try:
        return key_of_blob(base64.b64decode(text, validate=True))
    except ValueError:
        raise ValueError(f"has no complete key after {KEY_TYPE}") from None


def _date(text: str | None) -> datetime | None:
    if text is None:
        return None
    digits = text.removesuffix("Z")
    if not DATE.fullmatch(digits):
        raise ValueError(f"has a date that is not of the form 20261127Z or 202611271530Z: {text}")
    try:
        return datetime.strptime(digits, DATE_FORMATS[len(digits)]).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"has a date that does not exist: {text}") from None


def read_signers(file: Path) -> tuple[tuple[Signer, ...], tuple[str, ...]]:
    """Return the signers in the file, which may be missing, and the problems of the lines that are ignored."""
    try:
        text = file.read_bytes().decode()  # only visible line ends
    except FileNotFoundError:
        return (), ()
    except ValueError:
        return (), (f"{file} is not a text file, so no other key is trusted.",)
    found, problems = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.startswith("#"):
            try:
                found.append(Signer.from_line(line.rstrip()))
            except ValueError as error:
                problems.append(f"{file}, line {number}, {error}. It is ignored. How to write it: {HOW}")
    return tuple(found), tuple(problems)


@dataclass(frozen=True, kw_only=True)
class Trust:
    """The signing key and the trusted keys."""

    name: str
    """This environment: PROJECT/ENVIRONMENT."""
    keys: tuple[SigningKey, ...] = ()
    """This environment's own keys: the signing key, then earlier ones."""
    signers: tuple[Signer, ...] = ()
    problems: tuple[str, ...] = ()
    """The problems of the file of signers, as sentences."""

    @property
    def key(self) -> SigningKey:
        """The signing key. Raise WrongUseError without one."""
        if not self.keys:
            raise WrongUseError(
                "BACKUP_SIGNING_KEY is not set, so nothing can be signed. On a server it is the secret "
                "backup_signing_key, which ./install_docker.sh and ./bedplate deploy make."
            )
        return self.keys[0]

    def require_key(self) -> None:
        """Raise WrongUseError if there is no signing key."""
        _ = self.key

    @property
    def is_published(self) -> bool:
        """True if the committed file names this environment's key for other environments."""
        return any(signer.public == self.key.public and self.name in signer.names for signer in self.signers)

    @property
    def needs_storage_times(self) -> bool:
        """True if the time of storage matters, because a key has an end of validity."""
        return any(signer.before for signer in self.signers)

    @property
    def line(self) -> str:
        """The line of the committed file for the signing key."""
        return f"{self.name} {public_text(self.key.public)}"

    def refusal(self, data: bytes, signature: bytes | None, claim: Claim) -> str:
        """Return why these bytes are not trusted, as the end of a sentence; an empty string if they are."""
        if signature is None:
            return "is not signed"
        found = Signature.from_bytes(signature)
        if found is None or not found.holds(data, claim.purpose):
            return EDITED
        lines = [signer for signer in self.signers if signer.public == found.public]
        if found.public in {key.public for key in self.keys} and not any(self.name in line.names for line in lines):
            lines.append(Signer(names=frozenset({self.name}), public=found.public))
        lines = [signer for signer in lines if signer.may_make(claim)]
        if not lines:
            return f"is signed by a key that web/config/{SIGNERS} does not name for {claim.name}"
        if not any(signer.was_valid(claim) for signer in lines):
            return f"is signed by a key that was not valid then, according to web/config/{SIGNERS}"
        return ""
