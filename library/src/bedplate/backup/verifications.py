"""The results of drills. Each is a signed object of its own: PROD's account may not overwrite one.

The last one counts, by the number inside it: a copy under another name is not taken for a newer one. Unsigned ones are
ignored, like `verification.json` of earlier releases.
"""

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Final

from bedplate.backup.errors import BackupError, MissingError
from bedplate.backup.manifest import UNREADABLE, Typed
from bedplate.backup.names import SIGNATURE, BackupName
from bedplate.backup.signatures import VERIFICATION
from bedplate.backup.stores import NEW, Store
from bedplate.backup.trust import Claim, Trust

LAST: Final = 999_999
VERIFICATION_NAME: Final = re.compile(r"verification-([0-9]{1,6})-[0-9a-f]{16}\.json")


@dataclass(frozen=True, kw_only=True)
class Verification(Typed):
    """The result of one drill on a backup."""

    at: datetime
    passed: bool
    message: str
    number: int
    """One more than the number of the previous verification, whatever the clocks say."""
    manifest: str
    """The SHA-256 of the restored backup's manifest."""

    def to_bytes(self) -> bytes:
        """Return the verification as it is stored."""
        return json.dumps(asdict(self) | {"at": self.at.isoformat()}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Verification | None":
        """Return the verification; None if it cannot be read and so verifies nothing."""
        try:
            value = json.loads(data)
            found = cls(**value | {"at": datetime.fromisoformat(value["at"])})
        except UNREADABLE:
            return None
        return found if found.at.tzinfo else None  # without a time zone, its age is unknown


def newest_verification(store: Store, name: BackupName, *, manifest: str, trust: Trust) -> Verification | None:
    """Return the last verification of the backup with this manifest (its SHA-256); None without any."""
    found = _verifications(store, name, manifest=manifest, trust=trust)
    return max(found, key=lambda verification: (verification.number, verification.at), default=None)


def record_verification(store: Store, name: BackupName, verification: Verification, *, trust: Trust) -> str:
    """Store the result of a drill as the last one: set its number. Return why it is not trusted here, or nothing."""
    last = newest_verification(store, name, manifest=verification.manifest, trust=trust)
    verification = replace(verification, number=last.number + 1 if last else 1)
    if verification.number > LAST:
        raise BackupError(
            f"{name} has no number left for the result of a drill. Remove its objects verification-{LAST}-…."
        )
    data = verification.to_bytes()
    signature = trust.key.sign(data, VERIFICATION)
    stored = name.object(f"verification-{verification.number}-{secrets.token_hex(8)}.json")
    store.write(f"{stored}{SIGNATURE}", signature, generation=NEW)
    store.write(stored, data, generation=NEW)
    return trust.refusal(data, signature, _claim(name, verification))


def _verifications(store: Store, name: BackupName, *, manifest: str, trust: Trust) -> list[Verification]:
    listed = {stored.name: stored for stored in store.list(name.object("verification-"))}
    found = []
    for stored in listed.values():
        match = VERIFICATION_NAME.fullmatch(stored.name.removeprefix(f"{name}/"))
        signature = listed.get(f"{stored.name}{SIGNATURE}")
        if not match or not signature:
            continue
        data, signed = read_signed(store, stored.name)
        verification = Verification.from_bytes(data) if data else None
        if data and verification and (verification.number, verification.manifest) == (int(match[1]), manifest):
            claim = _claim(name, verification, [each.created for each in (stored, signature) if each.created])
            if not trust.refusal(data, signed, claim):
                found.append(verification)
    return found


def _claim(name: BackupName, verification: Verification, stored_at: Sequence[datetime] = ()) -> Claim:
    environment = f"{name.project}/{name.environment}"
    return Claim(VERIFICATION, environment, at=verification.at, stored=max(stored_at, default=None))


def read_signed(store: Store, name: str) -> tuple[bytes | None, bytes | None]:
    """Return an object and its signature; None for a missing one."""
    return _read(store, name), _read(store, f"{name}{SIGNATURE}")


def _read(store: Store, name: str) -> bytes | None:
    try:
        return store.read(name)[0]
    except MissingError:
        return None
