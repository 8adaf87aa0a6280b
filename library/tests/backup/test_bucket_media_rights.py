"""The rights of accounts on the bucket of the uploads, as the how-to page gives them."""

import json
from dataclasses import replace
from typing import Final

import pytest
from bedplate.backup.credentials import load_credentials
from bedplate.backup.errors import AccessError, WrongUseError
from bedplate.backup.stores.google import GoogleStore
from bedplate.testing.checkout import ROOT
from bedplate.testing.fake_gcs import FakeGcs
from fault_proxy import FaultProxy
from google.auth.credentials import AnonymousCredentials
from iam import Grant, Iam, grants
from preconditions import Preconditions
from project import Configure, Project, note, notes

UPLOADS: Final = ROOT / "library/docs/how-to/uploads-in-a-bucket.md"

pytestmark = pytest.mark.usefixtures("without_django")


@pytest.fixture
def accounts(gcs_server: FakeGcs, proxy: FaultProxy, uploads: GoogleStore) -> Iam:
    """Return the rights that both how-to pages give; those on the uploads' bucket are for names below `site/`."""
    given = grants()
    for account, of_uploads in grants(UPLOADS).items():
        given.setdefault(account, []).extend(replace(grant, only="site/*") for grant in of_uploads)
        # On the whole bucket; the tests' rights are on names.
        given[account].append(Grant(frozenset({"storage.objects.list"})))
    iam, google = Iam(gcs_server.url, given), Preconditions(gcs_server.url)
    proxy.judge = lambda request: iam.judge(request) or google.judge(request)
    return iam


def sign_in(project: Project, proxy: FaultProxy, account: str) -> Project:
    """Return the project on a machine with this account."""
    key = project.configuration.variables.google_credentials
    key.parent.mkdir(exist_ok=True)
    information = {"type": "authorized_user", "client_id": "test", "client_secret": "test"}
    key.write_text(json.dumps(information | {"refresh_token": account, "token_uri": f"{proxy.url}/token"}))
    return project.with_store(GoogleStore(project.store.url, load_credentials(key), retry_seconds=5))


def test_the_rights_of_the_how_to_are_enough(in_bucket: Project, proxy: FaultProxy, accounts: Iam) -> None:
    server = sign_in(in_bucket, proxy, "backups-server")
    for work in (server.back_up, server.back_up, server.verify, server.restore, server.back_up, server.undo):
        work()
    assert accounts.refused == []


def test_the_application_has_no_rights_on_the_backups(in_bucket: Project, proxy: FaultProxy, accounts: Iam) -> None:
    sign_in(in_bucket, proxy, "backups-server").back_up()
    application = sign_in(in_bucket, proxy, "uploads")
    with pytest.raises(AccessError, match=r"storage\.objects\.create|storage\.objects\.get"):
        application.back_up()
    assert {line.split()[0] for line in accounts.refused} == {"uploads"}


def test_a_restore_without_rights_is_refused_before_anything_changes(
    in_bucket: Project, proxy: FaultProxy, uploads: GoogleStore, accounts: Iam
) -> None:
    server = sign_in(in_bucket, proxy, "backups-server")
    server.back_up()
    before = notes(in_bucket)
    note(in_bucket, "three")
    reading = [grant for grant in accounts.accounts["backups-server"] if grant.only != "site/*"]
    lease = Grant(frozenset({"storage.objects.create", "storage.objects.delete"}), "site/.backup_system/lease.json")
    accounts.accounts["backups-server"] = [*reading, lease]
    with pytest.raises(
        AccessError, match=r"may not change the uploads .*uploads-in-a-bucket\.md.*Nothing was replaced"
    ):
        server.restore()
    assert notes(in_bucket) == [*before, "three"]


def test_backups_in_the_same_bucket_are_refused(embedded: Project, gcs: str, configure: Configure) -> None:
    both = Project(configure(BACKUP_URL=gcs, MEDIA_URL=f"{gcs}/site"), GoogleStore(gcs, AnonymousCredentials()))
    with pytest.raises(WrongUseError, match="name the same bucket"):
        both.back_up()
