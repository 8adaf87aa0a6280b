"""The values of the environment's variables, and the message about those that are invalid."""

from typing import Annotated, Final
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, SecretStr, ValidationError

PLACEHOLDER: Final = "change-me"


def with_database(url: str, number: int) -> str:
    """Return the URL of a database of Valkey: its number is the path of the URL, before the query."""
    return urlsplit(url)._replace(path=f"/{number}").geturl()


def sentinels(url: str) -> tuple[list[str], str]:
    """Return a URL for each Sentinel of `sentinel://USER:PASSWORD@A,B,C/0?master_name=NAME`, and the name; or none."""
    parts = urlsplit(url)
    if parts.scheme != "sentinel":
        return [], ""
    login, at, hosts = parts.netloc.rpartition("@")
    urls = [parts._replace(netloc=f"{login}{at}{host}", query="").geturl() for host in hosts.split(",")]
    return urls, parse_qs(parts.query).get("master_name", [""])[0]


def lines(secret: SecretStr) -> tuple[str, ...]:
    """Return a secret's lines, without empty ones."""
    return tuple(line for line in map(str.strip, secret.get_secret_value().splitlines()) if line)


def require_dsn(value: SecretStr) -> SecretStr:
    """Return the DSN, or an empty value. Raise ValueError if Sentry's package would not accept it."""
    dsn = value.get_secret_value().strip()
    try:
        url = urlsplit(dsn)
        valid = url.scheme in {"http", "https"} and url.username and url.hostname and url.port != 0
        valid = valid and url.path.rpartition("/")[2].isdecimal()
    except ValueError:  # of a port or an IPv6 address
        valid = False
    if dsn and not valid:
        raise ValueError("is not a DSN of Sentry: https://KEY@HOST/PROJECT")
    return value


def require_master_name(value: SecretStr) -> SecretStr:
    """Return the URL of Valkey. Raise ValueError if it names Sentinels, but not which primary to ask them for."""
    urls, name = sentinels(value.get_secret_value())
    if urls and not name:
        raise ValueError("names no primary: sentinel://USER:PASSWORD@HOST:26379,HOST:26379?master_name=NAME")
    return value


def refuse_placeholder(value: SecretStr) -> SecretStr:
    """Return the secret. Raise ValueError if it is the placeholder of `.env.example`."""
    if PLACEHOLDER in value.get_secret_value():
        raise ValueError(f"still holds the placeholder {PLACEHOLDER!r}")
    return value


def require_time_zone(value: str) -> str:
    """Return the name. Raise ValueError if this system has no such time zone."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # unknown; a path; a folder
        raise ValueError(f"{value!r} is not a time zone: use an IANA name, such as Europe/Zurich") from None
    return value


Secret = Annotated[SecretStr, AfterValidator(refuse_placeholder)]
TimeZone = Annotated[str, AfterValidator(require_time_zone)]
ValkeyUrl = Annotated[SecretStr, AfterValidator(require_master_name)]
Dsn = Annotated[SecretStr, AfterValidator(require_dsn)]


def error_message(error: ValidationError) -> str:
    """Return the variables that are missing or invalid, one on each line."""
    lines = ["The configuration is not usable. Set these in .env, or as files in /run/secrets:"]
    for problem in error.errors(include_url=False):
        variable = "".join(map(str, problem["loc"])).upper()
        reason = "is not set" if problem["type"] == "missing" else problem["msg"].removeprefix("Value error, ")
        lines.append(f"  {variable}: {reason}")
    return "\n".join(lines)
