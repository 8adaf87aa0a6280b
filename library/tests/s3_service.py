"""SeaweedFS: a service with S3's protocol, which checks signatures, rights and conditions. Its data are in a folder."""

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bedplate import s3
from bedplate.testing.compose import wait_until
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

LIMIT: Final = 60
START_ATTEMPTS: Final = 3
REGION: Final = "eu-central-1"
ADMINISTRATOR: Final = s3.Key("ADMINISTRATOR", "of-the-tests")
BUCKETS: Final = ("uploads", "others")
RIGHTS: Final[dict[str, tuple[str, ...]]] = {
    "UPLOADS": ("Read:uploads", "Write:uploads", "List:uploads"),
    "READER": ("Read:uploads", "List:uploads"),
}


@dataclass(frozen=True)
class S3Service:
    """A running service, with the buckets `uploads` and `others`."""

    url: str

    def client(self, key: s3.Key = ADMINISTRATOR) -> Any:
        """Return a client; by default, that of the administrator."""
        return s3.connect(key, self.url, REGION, s3.configuration(attempts=2)).meta.client

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of the objects in the bucket of the uploads."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=BUCKETS[0], Prefix=prefix)
        return sorted(each["Key"] for page in pages for each in page.get("Contents", ()))

    def empty(self) -> None:
        """Remove all uploads."""
        client = self.client()
        for name in self.names():
            client.delete_object(Bucket=BUCKETS[0], Key=name)


def credentials(account: str = "UPLOADS") -> str:
    """Return the file of an account's key: one that may use the bucket of the uploads, or READER."""
    return f"[default]\naws_access_key_id = {account}\naws_secret_access_key = secret-of-{account}\n"


def accounts() -> str:
    """Return the configuration of the accounts: each has the rights of the how-to page on one bucket."""
    of_administrator: tuple[str, ...] = ("Admin", "Read", "Write", "List")
    keys = {"ADMINISTRATOR": (ADMINISTRATOR.secret, of_administrator)}
    keys |= {name: (f"secret-of-{name}", actions) for name, actions in RIGHTS.items()}
    return json.dumps(
        {
            "identities": [
                {"name": name, "credentials": [{"accessKey": name, "secretKey": secret}], "actions": actions}
                for name, (secret, actions) in keys.items()
            ]
        }
    )


@contextmanager
def s3_service(folder: Path, *, host: str = "127.0.0.1") -> Iterator[S3Service]:
    """Run the service at this address of the machine; it is empty at first."""
    folder.mkdir()
    (folder / "accounts.json").write_text(accounts())
    server, service = _start(folder, host)
    try:
        yield service
    finally:
        server.kill()
        server.wait()
        opened = re.findall(r"Unix socket (/\S+)", (folder / "log").read_text(errors="replace"))
        shutil.rmtree(folder)
        for path in opened:
            Path(path).unlink(missing_ok=True)


def _start(folder: Path, host: str) -> "tuple[subprocess.Popen[bytes], S3Service]":
    """Start the service; again if another program took one of its ports meanwhile."""
    for _ in range(START_ATTEMPTS):
        ports = {name: _free_port(host) for name in ("s3", "master", "volume", "filer")}
        options = [f"-{name}.port={port}" for name, port in ports.items()]
        options += [f"-{name}.port.grpc={_free_port(host)}" for name in ports]
        options += ["-s3", f"-s3.config={folder / 'accounts.json'}", "-s3.iam=false"]
        options += ["-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.localSocket={folder / 's3'}"]
        options += [f"-filer.localSocket={folder / 'filer'}", f"-ip={host}", f"-ip.bind={host}", f"-dir={folder}"]
        options += ["-master.volumeSizeLimitMB=64", "-volume.max=50"]
        with (folder / "log").open("wb") as log:
            command = [str(Path(sys.executable).parent / "weed"), "server", *options]
            server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        service = S3Service(f"http://{host}:{ports['s3']}")
        wait_until(lambda: _ended(server) or _has_buckets(service), limit=LIMIT, what="SeaweedFS answers")  # noqa: B023 - at once
        if not _ended(server):
            return server, service
    raise AssertionError(f"SeaweedFS did not start: {(folder / 'log').read_text()[-2000:]}")


def _ended(server: "subprocess.Popen[bytes]") -> bool:
    return server.poll() is not None


def _has_buckets(service: S3Service) -> bool:
    address = urlsplit(service.url)
    with socket.socket() as probe:
        if probe.connect_ex((address.hostname, address.port)):
            return False
    client = service.client()
    try:
        existing = {each["Name"] for each in client.list_buckets()["Buckets"]}
        for name in BUCKETS:
            if name not in existing:
                client.create_bucket(Bucket=name)
    except (ClientError, BotoCoreError):  # its parts start one after the other
        return False
    return True


def _free_port(host: str) -> int:
    with socket.socket() as listener:
        listener.bind((host, 0))
        port: int = listener.getsockname()[1]
    return port
