"""Copies of this checkout to install and break: tests never touch the developer's `.env`, volumes or containers."""

import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[4]
SHOP: Final = {
    "COMPOSE_PROJECT_NAME": "shop",
    "PROJECT_NAME": "Shop",
    "DOMAIN": "shop.local",
    "DEFAULT_USER_EMAIL": "admin@shop.local",
    "DEFAULT_FROM_EMAIL": "noreply@shop.local",
}


def copy_checkout(destination: Path) -> Path:
    """Copy the files that git tracks or would add, without ignored ones. Return `destination`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():  # git also lists files that are removed but not committed
            (destination / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, destination / name, follow_symlinks=False)
    return destination


def commit(folder: Path) -> None:
    """Commit all files of a copy, in a new repository."""
    author = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "A commit"]):
        subprocess.run(["git", *author, *arguments], cwd=folder, check=True)


@contextmanager
def committed(folder: Path) -> Iterator[None]:
    """Keep all files of a copy committed during the context."""
    commit(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder / ".git")


def copy_as_shop(destination: Path) -> Path:
    """Copy the checkout, with the project name `shop`: tests do not depend on this project's own name."""
    example = copy_checkout(destination) / ".env.example"
    lines = (f"{key}={SHOP.get(key, value)}" if equals else key for key, equals, value in _pairs(example.read_text()))
    example.write_text("\n".join(lines) + "\n")
    return destination


def _pairs(dotenv: str) -> Iterator[tuple[str, str, str]]:
    return (line.partition("=") for line in dotenv.splitlines())


def free_port() -> int:
    """Return an unused TCP port of this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def unique_slug() -> str:
    """Return a unique project name: `stack-test-3f2a9c`, or with another prefix if TEST_SLUG_PREFIX is set."""
    return f"{os.environ.get('TEST_SLUG_PREFIX', 'stack-test-')}{secrets.token_hex(3)}"
