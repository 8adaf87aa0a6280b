"""The expected rights of each account of a bucket, compared with the actual ones. No bucket is accessed here."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

SERVER, PRUNING, PERSON = PURPOSES = ("server", "pruning", "person")

LIST: Final = "storage.objects.list"
READ: Final = "storage.objects.get"
CREATE: Final = "storage.objects.create"
DELETE: Final = "storage.objects.delete"
LEASE: Final = f"{DELETE} on lease.json alone"
# Fewer days could pass over a long weekend.
SOFT_DELETE_DAYS: Final = 7


@dataclass(frozen=True)
class Right:
    """A right, in words and by Google's name, and the accounts that should have it."""

    what: str
    permission: str
    expected_of: frozenset[str] = frozenset()
    unimportant_of: frozenset[str] = frozenset()
    """Accounts for which it does not matter."""


RIGHTS: Final = (
    Right("list backups", LIST, frozenset(PURPOSES)),
    Right("read them", READ, frozenset(PURPOSES)),
    Right("create objects", CREATE, frozenset({SERVER, PRUNING})),
    Right("overwrite or delete backups", DELETE, frozenset({PRUNING})),
    Right("renew and release the lease", LEASE, frozenset({SERVER, PRUNING}), unimportant_of=frozenset({PERSON})),
    Right("change metadata and holds", "storage.objects.update", unimportant_of=frozenset({PRUNING})),
    # It renames: the old name is gone.
    Right("move objects", "storage.objects.move", unimportant_of=frozenset({PRUNING})),
    Right("set how long objects are retained", "storage.objects.setRetention"),
    Right("shorten that", "storage.objects.overrideUnlockedRetention"),
    Right("give rights to single objects", "storage.objects.setIamPolicy"),
    Right("give rights to folders", "storage.managedFolders.setIamPolicy"),
    Right("give rights to the bucket", "storage.buckets.setIamPolicy"),
    Right("change the bucket", "storage.buckets.update"),
    Right("delete the bucket", "storage.buckets.delete"),
)
# A lifecycle rule with one of these conditions deletes noncurrent versions alone.
OF_NONCURRENT: Final = ("daysSinceNoncurrentTime", "noncurrentTimeBefore", "numNewerVersions")
# The permissions to ask Google about. The lease's right is on one object: an answer about the bucket leaves it out.
ASKED: Final = tuple(right.permission for right in RIGHTS if right.permission != LEASE)


@dataclass(frozen=True)
class Finding:
    """A line of the table."""

    what: str
    expected: str
    found: str
    good: bool
    advice: str = ""


def assess_rights(purpose: str, tried: Mapping[str, bool], granted: Collection[str] | None) -> list[Finding]:
    """Return a finding for each right.

    `tried`: the result of each attempt, by permission. `granted`: the permissions of ASKED that the account has on the
    bucket, according to Google; None if unknown. An expected right must have worked; an unexpected one is found by
    either.
    """
    return [
        _assess(right, expected=purpose in right.expected_of, tried=tried, granted=granted)
        for right in RIGHTS
        if purpose not in right.unimportant_of
    ]


def _assess(right: Right, *, expected: bool, tried: Mapping[str, bool], granted: Collection[str] | None) -> Finding:
    evidence = [tried[right.permission]] if right.permission in tried else []
    if granted is not None and not (expected and evidence):
        evidence.append(right.permission in granted)
    what = f"{right.what}: {right.permission}"
    if not evidence:
        return Finding(what, _word(expected), "not seen", good=not expected)
    has = any(evidence)
    advice = "" if has == expected else f"{'Give' if expected else 'Take away'} {right.permission}."
    return Finding(what, _word(expected), _word(has), good=has == expected, advice=advice)


def _word(has: bool) -> str:
    return "yes" if has else "no"


def assess_bucket(bucket: Mapping[str, Any] | None) -> list[Finding]:
    """Return a finding for each of the bucket's settings, from its description; None if the account may not read it."""
    said = bucket or {}
    access = said.get("iamConfiguration", {})
    public = str(access.get("publicAccessPrevention", "inherited"))
    uniform = bool(access.get("uniformBucketLevelAccess", {}).get("enabled"))
    versioning = bool(said.get("versioning", {}).get("enabled"))
    days = int(said.get("softDeletePolicy", {}).get("retentionDurationSeconds", 0)) // 86400
    deleting = sum(map(_deletes_live_objects, said.get("lifecycle", {}).get("rule", [])))
    held = bool(said.get("defaultEventBasedHold"))
    retained = int(said.get("retentionPolicy", {}).get("retentionPeriod", 0))
    settings = [
        ("public access prevention", "enforced", public, public == "enforced"),
        ("uniform bucket-level access", "on", "on" if uniform else "off", uniform),
        ("object versioning", "on", "on" if versioning else "off", versioning),
        ("soft delete", f"{SOFT_DELETE_DAYS} days or more", f"{days} days", days >= SOFT_DELETE_DAYS),
        ("retention policy of the whole bucket", "none", f"{retained} s" if retained else "none", not retained),
        ("lifecycle rules that delete live objects", "none", str(deleting or "none"), not deleting),
        ("default event-based hold", "off", "on" if held else "off", not held),
    ]
    if bucket is None:
        return [Finding(what, expected, "not seen", good=True) for what, expected, _, _ in settings]
    return [
        Finding(what, expected, found, good, "" if good else f"Set {what}: {expected}.")
        for what, expected, found, good in settings
    ]


def _deletes_live_objects(rule: Mapping[str, Any]) -> bool:
    condition = rule.get("condition", {})
    if rule.get("action", {}).get("type") != "Delete" or condition.get("isLive") is False:
        return False
    # Each live object has 0 newer versions.
    return not any(condition.get(name) is not None for name in OF_NONCURRENT) or condition.get("numNewerVersions") == 0
