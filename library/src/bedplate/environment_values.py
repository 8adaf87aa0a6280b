"""The values of the environment's variables, and the message about those that are invalid."""

from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError


def with_database(url: str, number: int) -> str:
    """Return the URL of a database of Valkey: its number is the path of the URL, before the query."""
    return urlsplit(url)._replace(path=f"/{number}").geturl()


def lines(secret: SecretStr) -> tuple[str, ...]:
    """Return a secret's lines, without empty ones."""
    return tuple(line for line in map(str.strip, secret.get_secret_value().splitlines()) if line)


def error_message(error: ValidationError) -> str:
    """Return the variables that are missing or invalid, one on each line."""
    lines = ["The configuration is not usable. Set these in .env, or as files in /run/secrets:"]
    for problem in error.errors(include_url=False):
        variable = "".join(map(str, problem["loc"])).upper()
        reason = "is not set" if problem["type"] == "missing" else problem["msg"].removeprefix("Value error, ")
        lines.append(f"  {variable}: {reason}")
    return "\n".join(lines)
