"""Copies of this checkout to install and break: no test touches the developer's own `.env`, volumes or containers."""

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
    """Return `destination`, made with the files git knows and those it would: not what it ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():  # git still lists what was removed but not committed
            (destination / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, destination / name, follow_symlinks=False)
    return destination


def commit(folder: Path) -> None:
    """Commit all files of a copy, in a repository of its own."""
    somebody = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "A commit"]):
        subprocess.run(["git", *somebody, *arguments], cwd=folder, check=True)


@contextmanager
def committed(folder: Path) -> Iterator[None]:
    """Have all files of a copy committed meanwhile."""
    commit(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder / ".git")


def copy_as_shop(destination: Path) -> Path:
    """Return the same, its project being called `shop`: what a test expects does not depend on this one's name."""
    example = copy_checkout(destination) / ".env.example"
    lines = (f"{key}={SHOP.get(key, value)}" if equals else key for key, equals, value in _pairs(example.read_text()))
    example.write_text("\n".join(lines) + "\n")
    return destination


def _pairs(dotenv: str) -> Iterator[tuple[str, str, str]]:
    return (line.partition("=") for line in dotenv.splitlines())


def free_port() -> int:
    """Return a TCP port of this machine that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def unique_slug() -> str:
    """Return a project name that no other test run has: `stack-test-3f2a9c`."""
    return f"stack-test-{secrets.token_hex(3)}"
