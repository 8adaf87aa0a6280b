"""Diagnose a failed command from its output: the reason, and hints."""

from pathlib import Path
from typing import Final

from bedplate.host.errors import HostError

FIRST_LINES: Final = 6
LAST_LINES: Final = 12
AGAIN: Final = "Then run this again: it continues where it stopped."

# Texts in the output, the reason, and a hint. The first match counts.
KNOWN: Final = (
    (("No space left on device", "ENOSPC"), "the disk is full.", "Make room."),
    (
        ("database is locked",),
        "another program has the database in var/embedded/ open for writing.",
        "Close it; to find it: fuser -v var/embedded/database.sqlite3",
    ),
    (
        ("file is not a database", "disk image is malformed"),
        "the database in var/embedded/ is damaged.",
        "Put a copy back, or move it away: a new one is made, without its data.",
    ),
    (
        ("can only install packages when your package.json and package-lock.json",),
        "web/frontend/package-lock.json does not match web/frontend/package.json.",
        "Take both from one version, or update the lock: cd web/frontend && npm install",
    ),
    (("The configuration is not usable",), "a variable is not usable, as said above.", "Correct it in .env.embedded."),
    (
        (
            "No matching distribution found",
            "Failed to fetch",
            "error sending request",
            "ConnectionError",
            "Connection refused",
            "emporary failure in name resolution",
            "ENOTFOUND",
            "EAI_AGAIN",
            "ECONNREFUSED",
            "ETIMEDOUT",
        ),
        "a package could not be fetched: no network, or a proxy or firewall in between.",
        "Check the connection, and which registry pip, uv and npm are set to.",
    ),
    (("Permission denied", "EACCES"), "a file belongs to another user.", 'Make it yours: sudo chown -R "$USER" .'),
)


def program_error(program: str, returncode: int, output: str, log: Path) -> HostError:
    """Return the error for a failed program, with its diagnosis."""
    unknown = (f"{program} failed with exit status {returncode}, see above.", "Fix that.")
    known = (diagnosis for symptoms, *diagnosis in KNOWN if any(symptom in output for symptom in symptoms))
    why, to_do = next(known, unknown)
    return HostError(why, to_do, AGAIN, f"All of its output: {log}", output=first_and_last_lines(output))


def first_and_last_lines(output: str) -> str:
    """Return the beginning and the end of a program's output: some print the cause first, some last."""
    lines = output.strip().splitlines()
    if len(lines) > FIRST_LINES + LAST_LINES:
        lines[FIRST_LINES:-LAST_LINES] = ["…"]
    return "\n".join(lines)
