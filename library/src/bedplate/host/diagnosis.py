"""Diagnose a failed step from its output: the reason, and hints."""

import re
from collections.abc import Callable, Sequence
from typing import Final

UNREACHABLE: Final = (
    "no such host|i/o timeout|TLS handshake|etwork is unreachable|emporary failure.*resol|ould not resolve|"
    "failed to resolve source metadata|Max retries exceeded|EAI_AGAIN|ENOTFOUND|ETIMEDOUT|ECONNRESET"
)
# A pattern of the output, the reason, and hints. The first match counts. {command} is the command to run again.
KNOWN: Final[Sequence[tuple[str, str, tuple[str, ...]]]] = (
    (
        "CommandError: (.*(?:media_credentials|MEDIA_URL).*)",
        "{0}",
        ("Correct that and run this again. To try it: docker compose exec web python manage.py check_uploads",),
    ),
    (
        "SSL error: certificate verify failed|server certificate for .* does not match host|root certificate file ",
        "PostgreSQL, which is elsewhere, does not prove with its certificate who it is. Nothing was sent to it.",
        (
            "POSTGRES_HOST has to be the name in that certificate,",
            "PGSSLROOTCERT the file of the authority that signed it: library/docs/how-to/managed-postgresql.md",
        ),
    ),
    (
        "[nN]o space left on device|isk quota exceeded",
        "the disk is full.",
        ("Make room and run this again. What Docker uses: docker system df; to free space: docker system prune",),
    ),
    (
        "port is already allocated|address already in use|ports are not available",
        "another program has taken the port meanwhile.",
        ("Run this again with another one: {command} --port N",),
    ),
    ("Cannot connect to the Docker daemon", "the Docker engine stopped.", ("Start it and run this again.",)),
    (
        "toomanyrequests|rate limit",
        "the registry refuses more downloads from this address for now.",
        ("Log in (docker login) or wait; run this again.",),
    ),
    (
        "pull access denied|manifest unknown|repository does not exist|manifest for .* not found",
        "there is no such image, or you may not see it.",
        ("Check the tag, and REGISTRY in .env; docker login to get in.",),
    ),
    (
        "due to lock timeout",
        "a migration needs a table that something else holds: a long query, a backup.",
        ("Run this again when that has ended. To see what it is: SELECT * FROM pg_stat_activity",),
    ),
    (
        UNREACHABLE,
        "something could not be fetched: no network, or a proxy or firewall in between.",
        (
            "Check the connection (and Docker's proxy settings: https://docs.docker.com/engine/cli/proxy/).",
            "Then run this again.",
        ),
    ),
    (
        r"nginx does not start: (.*) See (\S+)",
        "{0}",
        ("Correct it in .env and run this again. More: {1}",),
    ),
    (
        "The configuration is not usable",
        "a variable in .env is not usable, as said above.",
        ("Correct it in .env and run this again.",),
    ),
)
UNKNOWN: Final = ("see the output above.", ("Fix it, then run this again, which is safe.",))


def diagnose(output: str, *, command: str, is_server: bool, database_is_elsewhere: Callable[[], bool]) -> list[str]:
    """Return the lines that give the reason and the hints."""
    if "password authentication failed" in output:
        return diagnosis_lines(*password_refused(command, is_server=is_server, is_elsewhere=database_is_elsewhere()))
    for pattern, reason, hints in KNOWN:
        if match := re.search(pattern, output):
            texts = (text.format(*match.groups(), command=command) for text in (reason, *hints))
            return diagnosis_lines(*texts)
    if unhealthy := re.findall(r"^not healthy: (.*)", output, re.MULTILINE):
        hint = "Their last lines are in the output. To look further: docker compose logs SERVICE; then run this again."
        return diagnosis_lines(f"these did not become healthy: {' '.join(unhealthy)}", hint)
    return diagnosis_lines(UNKNOWN[0], *UNKNOWN[1])


def diagnosis_lines(reason: str, *hints: str) -> list[str]:
    """Return the lines of a reason and its hints."""
    first, *others = hints
    return [f"Why:    {reason}", f"To do:  {first}", *(f"        {hint}" for hint in others)]


def password_refused(command: str, *, is_server: bool, is_elsewhere: bool) -> Sequence[str]:
    """Return the reason and the hints for a password that PostgreSQL refuses."""
    place = "secrets/postgres_password" if is_server else ".env"
    if is_elsewhere:
        return (
            f"PostgreSQL, which is elsewhere, refuses POSTGRES_PASSWORD of {place}. No data is lost.",
            f"Put the role's password into {place}, or have the server's owner give the role that one.",
            "Then run this again. How: library/docs/how-to/managed-postgresql.md",
        )
    psql = "docker compose exec postgres psql --username app --dbname app --command '\\password'"
    return (
        f"PostgreSQL refuses POSTGRES_PASSWORD of {place}: its database was made with another one. No data is lost.",
        f"Put the earlier password back into {place} and run this again. Or",
        f"give the database the password of {place} (psql asks for it), and run this again: {psql}",
        f"or start again, LOSING ALL DATA: docker compose down --volumes && {command}",
    )
