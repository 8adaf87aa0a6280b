"""`--check-bucket` finds each superfluous or missing right of an account, and touches no backup."""

import re
from typing import Any

import command
import pytest
from accounts import PERSON, PRUNING, SERVER, Bucket
from bedplate.backup.bucket_rights import ASKED, RIGHTS, assess_bucket
from bedplate.backup.commands.check_bucket import check_bucket
from iam import Grant, commands
from project import Project

pytestmark = pytest.mark.usefixtures("without_django")

ACCOUNTS = {SERVER: "server", PRUNING: "pruning", PERSON: "person"}
AS_IT_SHOULD_BE = {
    "iamConfiguration": {"publicAccessPrevention": "enforced", "uniformBucketLevelAccess": {"enabled": True}},
    "versioning": {"enabled": True},
    "softDeletePolicy": {"retentionDurationSeconds": "2592000"},
    "lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": 14}}]},
}
DELETE = "storage.objects.delete"
PROBE = "v1/app/embedded/check-bucket.json"


@pytest.fixture(autouse=True)
def good_bucket(bucket: Bucket) -> None:
    """Give the bucket the settings of the how-to."""
    bucket.iam.bucket = AS_IT_SHOULD_BE


def table(result: command.Result) -> list[list[str]]:
    """Return the cells of the printed table."""
    return [re.split(r" {2,}", line.strip()) for line in result.stdout.splitlines()]


def wrong(project: Project, purpose: str) -> dict[str, tuple[str, str]]:
    """Return the wrong findings: the expected and the found values."""
    found = check_bucket(project.session, purpose)
    return {
        finding.what.partition(": ")[2] or finding.what: (finding.expected, finding.found)
        for finding in found
        if not finding.good
    }


@pytest.mark.parametrize("account", ACCOUNTS)
def test_the_accounts_of_the_how_to_are_as_they_should_be(bucket: Bucket, account: str) -> None:
    """The second run may find the probe of the first one. Backups and lease are unchanged."""
    bucket.sign_in(SERVER, BACKUP_PRUNING="elsewhere").back_up()
    before = bucket.objects()
    for _ in range(2):
        assert wrong(bucket.sign_in(account), ACCOUNTS[account]) == {}
    left = bucket.objects()
    assert left.keys() - before.keys() == ({PROBE} if account == SERVER else set())
    assert before.items() <= left.items()
    assert len(left.get(PROBE, b"")) < 100


def test_a_probe_that_was_left_is_no_backup(bucket: Bucket) -> None:
    """The nightly tasks ignore it."""
    server = bucket.sign_in(SERVER, BACKUP_PRUNING="elsewhere")
    check_bucket(server.session, "server")
    made = server.back_up()
    assert server.verify() == made
    bucket.sign_in(PRUNING).prune()
    assert server.verify() == made


@pytest.mark.parametrize("permission", ASKED)
def test_each_right_too_much_is_found(bucket: Bucket, permission: str) -> None:
    """For the accounts of PROD and of a person; even if it is given on the backups only, not on the bucket."""
    for account, purpose in ((SERVER, "server"), (PERSON, "person")):
        expected = {right.permission for right in RIGHTS if purpose in right.expected_of}
        bucket.iam.accounts["too much"] = [*bucket.iam.accounts[account], Grant(frozenset({permission}))]
        found = wrong(bucket.sign_in("too much"), purpose)
        assert found == ({} if permission in expected else {permission: ("no", "yes")})


@pytest.mark.parametrize(
    "names",
    [
        "check-bucket-*",
        "v1/*",
        "v1/app/media/*",
        "v1/app/media/*.age",
        "v1/app/embedded/2*",
        "*/manifest.json",
        "*/verification.json",
        "*/verification-*.json",
        "*/contents.json",
        "*/media.txt",
        "v1/app/*/database/*",
        "v1/app/*/database/*.age",
        "v1/app/prod/*",
        "v1/app/prod/20250102T*",
        "v1/app/new-*",
        "v1/shop/*",
        "v1/shop/media/*",
        "v1/shop/dev/*",
        "v1/check-bucket-*/*",
        "v1/app/check-bucket-*/*",
        "*/lease.json",
    ],
)
def test_a_right_by_a_condition_on_names_is_found(bucket: Bucket, names: str) -> None:
    """Google does not report such a right when asked about the bucket. No object or lease is changed."""
    owner = bucket.sign_in("owner")
    there = ("app/prod/20250102T030405Z-000000/manifest.json", "app/new-one/x", "shop/dev/x", "shop/media/x")
    for name in (*there, "shop/lease.json"):
        owner.store.write(f"v1/{name}", b"{}")
    before = bucket.objects()
    too_much = [Grant(frozenset({DELETE}), names)]
    for account, purpose in ((SERVER, "server"), (PERSON, "person")):
        bucket.iam.accounts["too much"] = bucket.iam.accounts[account] + too_much
        assert wrong(bucket.sign_in("too much"), purpose) == {DELETE: ("no", "yes")}
    assert before.items() <= bucket.objects().items()
    assert bucket.objects().keys() - before.keys() <= {PROBE}
    if names != "v1/*":
        lists_and_creates = [grant for grant in bucket.iam.accounts[SERVER] if not grant.only]
        bucket.iam.accounts["too little"] = [*lists_and_creates, *too_much, Grant(frozenset({DELETE}), "*lease.json")]
        assert wrong(bucket.sign_in("too little"), "pruning") == {DELETE: ("yes", "no")}


@pytest.mark.parametrize("missing", ["list", "get", "create", "delete"])
def test_each_right_too_little_is_found(bucket: Bucket, missing: str) -> None:
    """For the accounts of PROD and of pruning."""
    permission = f"storage.objects.{missing}"
    for account in (SERVER, PRUNING):
        given = bucket.iam.accounts[account]
        bucket.iam.accounts["too little"] = [Grant(grant.permissions - {permission}, grant.only) for grant in given]
        found = wrong(bucket.sign_in("too little"), ACCOUNTS[account])
        lease = "storage.objects.delete on lease.json alone"
        expected = {
            "list": {permission: ("yes", "no")},
            "get": {permission: ("yes", "no"), lease: ("yes", "no")},
            "create": {permission: ("yes", "no"), lease: ("yes", "no")},
            "delete": {lease: ("yes", "no")} | ({permission: ("yes", "no")} if account == PRUNING else {}),
        }
        assert found == expected[missing]


def test_what_is_wrong_with_the_bucket_is_found(bucket: Bucket) -> None:
    bucket.iam.bucket = {
        "softDeletePolicy": {"retentionDurationSeconds": "0"},
        "retentionPolicy": {"retentionPeriod": "86400"},
        "lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 1}}]},
        "defaultEventBasedHold": True,
    }
    assert wrong(bucket.sign_in(PRUNING), "pruning") == {
        "public access prevention": ("enforced", "inherited"),
        "uniform bucket-level access": ("on", "off"),
        "object versioning": ("on", "off"),
        "soft delete": ("7 days or more", "0 days"),
        "retention policy of the whole bucket": ("none", "86400 s"),
        "lifecycle rules that delete live objects": ("none", "1"),
        "default event-based hold": ("off", "on"),
    }


@pytest.mark.parametrize(
    ("action", "condition", "deletes"),
    [
        ("Delete", {"age": 400}, True),
        ("Delete", {"isLive": True, "matchesPrefix": ["v1/app/media/"]}, True),
        ("Delete", {"numNewerVersions": 0}, True),
        ("Delete", {"numNewerVersions": 3}, False),
        ("Delete", {"daysSinceNoncurrentTime": 0}, False),
        ("Delete", {"noncurrentTimeBefore": "2026-01-01"}, False),
        ("Delete", {"age": 14, "isLive": False}, False),
        ("SetStorageClass", {"age": 30}, False),
        ("AbortIncompleteMultipartUpload", {"age": 1}, False),
    ],
)
def test_a_lifecycle_rule_that_deletes_backups_is_found(action: str, condition: dict[str, Any], deletes: bool) -> None:
    rule = {"action": {"type": action}, "condition": condition}
    bad = [
        finding.what for finding in assess_bucket(AS_IT_SHOULD_BE | {"lifecycle": {"rule": [rule]}}) if not finding.good
    ]
    assert bad == ["lifecycle rules that delete live objects"] * deletes


def test_a_bucket_that_is_as_it_should_be_reads_so() -> None:
    findings = [finding for finding in assess_bucket(AS_IT_SHOULD_BE) if finding.what != "soft delete"]
    assert [finding.found for finding in findings] == [finding.expected for finding in findings]


def test_what_the_command_prints(bucket: Bucket) -> None:
    """The commands of bucket-accounts.md print a table and advice, and set the exit status."""
    for account, arguments in zip(ACCOUNTS, commands("Check it"), strict=True):
        bucket.sign_in(account)
        good = command.run(*arguments)
        purpose = ACCOUNTS[account]
        assert good.stderr == f"The account and the bucket are as they should be for: {purpose}.\n"
        assert ["list backups: storage.objects.list", "yes", "yes"] in table(good)
        assert ["object versioning", "on", "on" if account == PRUNING else "not seen"] in table(good)
        may_delete = "yes" if account == PRUNING else "no"
        assert ["overwrite or delete backups: storage.objects.delete", may_delete, may_delete] in table(good)
    bucket.sign_in("owner")
    bad = command.run("--check-bucket", "server")
    assert bad.returncode == 1
    assert ["overwrite or delete backups: storage.objects.delete", "no", "yes", "wrong"] in table(bad)
    assert "Take away storage.objects.delete." in bad.stderr
    assert "library/docs/how-to/bucket-accounts.md" in bad.stderr


@pytest.mark.parametrize(
    ("url", "purpose", "said"),
    [("file:///tmp", "server", "a folder has no accounts"), ("", "root", "server, pruning, person: not root")],
)
def test_what_cannot_be_checked(bucket: Bucket, url: str, purpose: str, said: str) -> None:
    """The message says why the usage is invalid."""
    bucket.sign_in(SERVER)
    result = command.run("--check-bucket", purpose, BACKUP_URL=url or bucket.url)
    assert result.returncode == 2
    assert said in result.stderr


def test_credentials_that_are_not_accepted_are_no_missing_right(bucket: Bucket) -> None:
    """No table is printed, because the rights are unknown."""
    bucket.sign_in("stranger")
    result = command.run("--check-bucket", "person")
    assert (result.returncode, result.stdout) == (1, "")
    assert "Google does not accept the credentials" in result.stderr
