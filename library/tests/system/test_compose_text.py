"""The text of `docker compose config` is parsed as Compose means it."""

import re
from typing import Final

import pytest
from bedplate.host.configuration.compose_text import parse
from bedplate.host.errors import AbortError

PRINTED: Final = """\
name: shop
services:
  cron:
    command:
      - sh
      - -c
      - |
        secrets:
          false: of a script
    depends_on:
      postgres:
        condition: service_healthy
        required: true
    environment:
      ADDRESS: redis://queue:a#b@valkey:6379
      EMPTY: ""
      NOTHING: null
      QUOTED: 'it''s: "x"'
      ESCAPED: "a \\"b\\" \\\\"
    labels:
      bedplate.page: /flower/ (background tasks)
    secrets:
      - source: key
        target: /run/secrets/key
      - source: other
    tmpfs:
      - /tmp
  "web":
    image: shop-web:local
    networks: {}
secrets:
  key:
    name: shop_key
    file: /srv/it's my $$project (new)/secrets/key
    x-length: 32
    x-form: redis://queue:SECRET@valkey:6379
"""


def test_blocks_and_texts() -> None:
    """Mappings, lists, quotes and texts of several lines; a text that looks like a key stays a text."""
    read = parse(PRINTED)
    assert list(read) == ["name", "services", "secrets"]
    assert list(read["secrets"]) == ["key"]
    assert read["secrets"]["key"]["x-length"] == "32"
    assert read["secrets"]["key"]["x-form"] == "redis://queue:SECRET@valkey:6379"
    assert read["secrets"]["key"]["file"] == "/srv/it's my $$project (new)/secrets/key"
    cron = read["services"]["cron"]
    assert cron["command"][:2] == ["sh", "-c"]
    assert cron["depends_on"] == {"postgres": {"condition": "service_healthy", "required": "true"}}
    assert cron["environment"] == {
        "ADDRESS": "redis://queue:a#b@valkey:6379",
        "EMPTY": "",
        "NOTHING": None,
        "QUOTED": 'it\'s: "x"',
        "ESCAPED": 'a "b" \\',
    }
    assert cron["labels"] == {"bedplate.page": "/flower/ (background tasks)"}
    assert cron["secrets"] == [{"source": "key", "target": "/run/secrets/key"}, {"source": "other"}]
    assert cron["tmpfs"] == ["/tmp"]  # noqa: S108 - a text
    assert read["services"]["web"] == {"image": "shop-web:local", "networks": {}}


def test_text_without_a_mapping_is_empty() -> None:
    """A text that is no mapping has no services."""
    assert parse("") == parse("x\n") == parse("- a\n") == {}


@pytest.mark.parametrize(
    ("key", "read"),
    [("a::b", "a::b"), ("'it''s: x'", "it's: x"), ('"a: b"', "a: b"), ("/srv/x", "/srv/x"), ("-x", "-x")],
)
def test_unusual_keys(key: str, read: str) -> None:
    """Their values are parsed, too."""
    assert parse(f"labels:\n  {key}: v\n  last: w\nend: x\n") == {"labels": {read: "v", "last": "w"}, "end": "x"}


@pytest.mark.parametrize("line", ["? long", "[a, b]"])
def test_half_of_a_configuration_is_refused(line: str) -> None:
    """The line is named."""
    with pytest.raises(AbortError, match=re.escape(line.strip())):
        parse(f"services:\n  a: b\n  {line}\nsecrets:\n  key: x\n")
