"""The text of `docker compose config` is parsed to the same data as its JSON, for the files of each environment."""

import json
from typing import Any

import pytest
from bedplate.host.configuration.compose_text import parse
from bedplate.testing.checkout import ROOT
from bedplate.testing.compose import run

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("file", ["docker-compose.yml", "dev.yml", "prod.yml"])
def test_the_text_is_read_as_the_json_says(file: str) -> None:
    """Every value of services and secrets is the same; the text has more: the extensions of secrets."""
    variables = {"DOTENV": ".env.example", "COMPOSE_FILE": file}
    command = ("docker", "compose", "--env-file", ".env.example", "config", "--format")
    as_text, as_json = (run(*command, form, directory=ROOT, variables=variables) for form in ("yaml", "json"))
    read = parse(as_text)
    assert differences(read, json.loads(as_json)) == []
    if file != "docker-compose.yml":
        assert read["secrets"]["secret_key"]["x-length"] == "32"


def differences(read: Any, expected: Any, path: str = "") -> list[str]:
    """Return where the two differ. In the text, a number is a string, and an empty value is missing."""
    if isinstance(expected, dict):
        found = read or {}
        return [line for key in expected for line in differences(found.get(key), expected[key], f"{path}/{key}")]
    if isinstance(expected, list):
        assert len(read or ()) == len(expected), path
        return [line for one, two in zip(read or (), expected, strict=True) for line in differences(one, two, path)]
    text = str(expected).lower() if isinstance(expected, bool) else str(expected)
    return [] if (expected in (None, "") and not read) or str(read) == text else [f"{path}: {read!r}, not {expected!r}"]
