"""The search of `./bedplate archive`: the secret in each form, from eight characters on, and nothing shorter."""

from base64 import b64encode, urlsafe_b64encode

import pytest
from bedplate.host.archive.search import Search
from bedplate.host.archive.secret_values import Secret

SHORTEST = "aZ3-kLm9"  # of all kinds of characters, so eight are enough
QUOTED = '"aZ3-kLm9\\'


def finds(value: str, text: bytes) -> bool:
    """Return whether the search finds this secret in a text."""
    search = Search.of([Secret(value, "secrets/email_password, line 1")])
    search.look_at("notes.txt", text)
    return bool(search.findings)


@pytest.mark.parametrize("encode", [bytes, b64encode, urlsafe_b64encode], ids=["plain", "base64", "for addresses"])
@pytest.mark.parametrize("before", [b"", b"u", b"us", b"use"], ids=len)
def test_shortest_secret_is_found(encode: type[bytes], before: bytes) -> None:
    """Eight characters of three kinds, at any position of an encoded text."""
    assert finds(SHORTEST, encode(before + SHORTEST.encode() + b"\n"))


def test_shorter_value_is_not_searched_for() -> None:
    """Seven characters occur in texts by chance: the place is named, for a person to look at."""
    search = Search.of([Secret(SHORTEST[1:], "secrets/email_password, line 1")])
    assert (search.forms, search.not_searchable) == ({}, ["secrets/email_password, line 1"])


@pytest.mark.parametrize("value", [SHORTEST, QUOTED], ids=["plain", "quoted"])
@pytest.mark.parametrize("part", [slice(1, None), slice(-1)], ids=["end", "beginning"])
def test_part_of_a_secret_is_not_found(value: str, part: slice) -> None:
    """A text without the first or the last character does not hold the secret."""
    assert not finds(value, value[part].encode())
