"""Accounts with rights, as in Google Cloud Storage, which a FaultProxy checks for each request.

The rights come from the commands of a how-to page: `gcloud` itself cannot run here.
"""

import json
import re
import shlex
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

import requests
from bedplate.testing.checkout import ROOT
from fault_proxy import Answer, Fault, Reply, Request

PAGE: Final = ROOT / "library/docs/how-to/bucket-accounts.md"
ROLE: Final = "gcloud iam roles create "
BINDING: Final = "gcloud storage buckets add-iam-policy-binding gs://BUCKET "
CONDITION: Final = re.compile(r'title=\w+,expression=resource\.name == "projects/_/buckets/BUCKET/objects/(.+)"')
COPY: Final = re.compile(r"/storage/v1/b/([^/]+)/o/(.+)/rewriteTo/b/([^/]+)/o/(.+)")
LIMIT: Final = 20


@dataclass(frozen=True)
class Grant:
    """A role of an account: on the whole bucket, on one object, or on names with a pattern (`v1/*`)."""

    permissions: frozenset[str]
    only: str = ""

    def gives(self, permission: str, name: str) -> bool:
        """Return whether it gives this permission on an object; without a name, on the bucket."""
        return permission in self.permissions and (not self.only or (bool(name) and fnmatchcase(name, self.only)))


def commands(section: str, page: Path = PAGE) -> list[list[str]]:
    """Return the arguments of each `./google_storage.sh` command in one section."""
    text = page.read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    block = re.findall(r"^```sh\n(.+?)^```$", text, re.MULTILINE | re.DOTALL)[0]
    calls = [shlex.split(line) for line in block.splitlines()]
    assert {call[0] for call in calls} == {"./google_storage.sh"}
    return [call[1:] for call in calls]


def roles(page: Path = PAGE) -> dict[str, frozenset[str]]:
    """Return the permissions of each role, as the page's table lists them."""
    rows = re.findall(r"^\| `((?:projects/GOOGLE_PROJECT/)?roles/[\w.]+)` \| (.+) \|$", page.read_text(), re.MULTILINE)
    return {role: frozenset(re.findall(r"`(storage\.\w+\.\w+)`", permissions)) for role, permissions in rows}


def roles_made(page: Path = PAGE) -> dict[str, frozenset[str]]:
    """Return the permissions of each role that the page's commands create."""
    found = dict[str, frozenset[str]]()
    for command in _commands_of(page, ROLE):
        name, *rest = shlex.split(command)
        options = dict(option.removeprefix("--").split("=", 1) for option in rest)
        found[f"projects/{options['project']}/roles/{name}"] = frozenset(options["permissions"].split(","))
    return found


def _commands_of(page: Path, beginning: str) -> list[str]:
    """Return the rest of each command on the page that starts with this text."""
    lines = page.read_text().replace("\\\n", " ").splitlines()
    return [line.removeprefix(beginning) for line in lines if line.startswith(beginning)]


def grants(page: Path = PAGE, *, project: str = "app") -> dict[str, list[Grant]]:
    """Return the roles that the page's commands give to each account: `backups-server`, `backups-pruning`, `team`."""
    known, found = roles(page), dict[str, list[Grant]]()
    for command in _commands_of(page, BINDING):
        options = dict(option.removeprefix("--").split("=", 1) for option in shlex.split(command))
        condition = CONDITION.fullmatch(options["condition"])
        assert condition or options["condition"] == "None", "gcloud would ask for one"
        account = options["member"].partition(":")[2].partition("@")[0]
        only = condition[1].replace("PROJECT", project) if condition else ""
        found.setdefault(account, []).append(Grant(known[options["role"]], only))
    return found


@dataclass
class Iam:
    """The rights of a bucket's accounts, by token: an account's name is its token and its refresh token."""

    store: str
    accounts: dict[str, list[Grant]]
    bucket: dict[str, Any] = field(default_factory=dict)
    """The bucket's metadata."""
    refused: list[str] = field(default_factory=list)

    def judge(self, request: Request) -> Fault | None:
        """Return Google's answer if the permission is missing; None to let the request through."""
        path = unquote(urlsplit(request.path).path)
        if path == "/token":
            account = parse_qs(request.body.decode())["refresh_token"][0]
            return Reply({"access_token": account, "expires_in": 3600, "token_type": "Bearer"})
        account = request.authorization.removeprefix("Bearer ")
        if account not in self.accounts:
            return Answer(401, "Invalid Credentials")
        query = parse_qs(urlsplit(request.path).query)
        if "upload_id" in query:  # a session's URL is enough to continue it
            return None
        if path.endswith("/iam/testPermissions"):
            return Reply({"permissions": [name for name in query["permissions"] if self._may(account, name, "")]})
        for permission, name in _needed(request, path, query, self._exists):
            if not self._may(account, permission, name):
                self.refused.append(f"{account} {permission} {name}")
                return Answer(
                    403,
                    f"{account}@test-project.iam.gserviceaccount.com does not have {permission} access to the Google "
                    f"Cloud Storage object. Permission '{permission}' denied on resource (or it may not exist).",
                )
        return Reply(self.bucket) if re.fullmatch(r"/storage/v1/b/[^/]+", path) else None

    def _may(self, account: str, permission: str, name: str) -> bool:
        return any(grant.gives(permission, name) for grant in self.accounts[account])

    def _exists(self, bucket: str, name: str) -> bool:
        url = f"{self.store}/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
        return requests.get(url, timeout=LIMIT).status_code == 200


def _needed(request: Request, path: str, query: dict[str, list[str]], exists: Any) -> list[tuple[str, str]]:
    """Return the permissions that a request needs, each with its object: see "IAM permissions for JSON methods"."""
    if copy := COPY.fullmatch(path):
        source, bucket, name = copy[2], copy[3], copy[4]
        needed = [("storage.objects.get", source), ("storage.objects.create", name)]
        return [*needed, *[("storage.objects.delete", name)] * exists(bucket, name)]
    match = re.fullmatch(r"(/upload|/download)?/storage/v1/b/([^/]+)(?:/o(?:/(.+))?)?", path)
    assert match, f"the tests know no such request: {request.method} {path}"
    prefix, bucket, name = match.groups()
    if prefix == "/upload":
        name = query["name"][0] if "name" in query else _name_in(request.body)
        return [("storage.objects.create", name), *[("storage.objects.delete", name)] * exists(bucket, name)]
    if not name:
        of_objects = path.endswith("/o")
        return [("storage.objects.list" if of_objects and request.method == "GET" else "storage.buckets.get", "")]
    return [(f"storage.objects.{ {'GET': 'get', 'DELETE': 'delete', 'PATCH': 'update'}[request.method] }", name)]


def _name_in(body: bytes) -> str:
    """Return the name in the JSON at the start of an upload, perhaps the first of several parts."""
    document, _ = json.JSONDecoder().raw_decode(body[body.index(b"{") :].decode(errors="replace"))
    return str(document["name"])
