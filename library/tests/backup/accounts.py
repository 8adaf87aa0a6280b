"""Machines with access to one guarded bucket, each with the key of its own account."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.backup.credentials import load_credentials
from bedplate.backup.stores.google import GoogleStore
from fault_proxy import FaultProxy
from iam import Iam
from project import Configure, Project

SERVER: Final = "backups-server"
PRUNING: Final = "backups-pruning"
PERSON: Final = "team"


@dataclass(frozen=True)
class Bucket:
    """The bucket, its accounts, and the machine of this test."""

    url: str
    proxy: FaultProxy
    iam: Iam
    key: Path
    configure: Configure
    project: Project

    def sign_in(self, account: str, **variables: str) -> Project:
        """Return the project on a machine with the key of this account. Later commands use that key too."""
        self.key.parent.mkdir(exist_ok=True)
        information = {"type": "authorized_user", "client_id": "test", "client_secret": "test"}
        information |= {"refresh_token": account, "token_uri": f"{self.proxy.url}/token"}
        self.key.write_text(json.dumps(information))
        configuration = self.configure(BACKUP_URL=self.url, BACKUP_RETRY_SECONDS="5", **variables)
        return Project(
            configuration, GoogleStore(self.url, load_credentials(self.key), retry_seconds=5), self.project.said
        )

    def objects(self, select: Callable[[str], bool] = lambda _name: True) -> dict[str, bytes]:
        """Return all objects of the bucket, regardless of rights."""
        store = self.sign_in("owner").store
        return {found.name: store.read(found.name)[0] for found in store.list("") if select(found.name)}
