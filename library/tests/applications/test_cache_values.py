"""Cached values, and bytes of another origin. In containers, the cache is Valkey."""

import json
import pickle
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from bedplate.django.cache_serializer import RESPONSE_PREFIX, UNREADABLE, JSONSerializer
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template import Context, Template
from django.test import Client, override_settings
from django.urls import path
from django.utils.csp import CSP
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import cache_page
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csp import csp_override
from hypothesis import given
from hypothesis import strategies as st

calls = count(1)


@cache_page(600)
@csp_override({"script-src": {CSP.SELF}, "style-src": [CSP.NONCE]})
@xframe_options_exempt
def page(_request: HttpRequest) -> HttpResponse:
    body = b"call %d \xff\n\x00" % next(calls)
    response = HttpResponse(body, content_type="image/png", headers={"X-Name": "Zoë", "Vary": "Accept"})
    response.set_cookie("visitor", "1")
    return response


urlpatterns = [path("page", page)]


@pytest.fixture
def cache() -> Iterator[BaseCache]:
    """Return the project's cache, empty."""
    cache = caches["default"]
    cache.clear()
    yield cache
    cache.clear()


@pytest.mark.parametrize(
    "value", [None, True, 0, -7, 2**70, 1.5, "", "Zoë \ud800", [], [1.5, 2.5], {"a": [{"b": None}]}]
)
def test_json_values_are_returned(cache: BaseCache, value: object) -> None:
    cache.set("name", value)
    assert cache.get("name", "default") == value
    assert type(cache.get("name", "default")) is type(value)
    assert cache.get_many(["name", "other"]) == {"name": value}
    assert cache.has_key("name")
    assert cache.get_or_set("name", "another") == value


def test_json_like_values_are_converted(cache: BaseCache) -> None:
    cache.set("name", {1: (HTTPStatus.OK, mark_safe("<b>"))})
    assert cache.get("name") == {"1": [200, "<b>"]}
    assert type(cache.get("name")["1"][1]) is str


def test_numbers_can_be_incremented(cache: BaseCache) -> None:
    assert cache.add("number", 5)
    assert not cache.add("number", 1)
    assert (cache.incr("number"), cache.incr("number", 10), cache.decr("number")) == (6, 16, 15)
    assert cache.get("number") == 15
    with pytest.raises(ValueError, match="not found"):
        cache.incr("other")


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Decimal(1), "Decimal"),
        ([datetime.now(UTC)], "datetime"),
        ({"a": {1}}, "set"),
        (gettext_lazy("Home"), "__proxy__"),
        (b"bytes", "bytes"),
        ({("a", 1): 2}, "tuple"),
        (StreamingHttpResponse(), "StreamingHttpResponse"),
    ],
)
def test_other_values_are_refused_with_their_type(cache: BaseCache, value: object, named: str) -> None:
    for store in (cache.set, cache.add, cache.get_or_set):
        with pytest.raises(TypeError, match=rf"The cache stores JSON.*\b{named}\b.*Convert it first"):
            store("name", value)
    with pytest.raises(TypeError, match="The cache stores JSON"):
        cache.set_many({"name": value})
    assert not cache.has_key("name")


def test_recursive_values_are_refused(cache: BaseCache) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(TypeError, match="Circular reference"):
        cache.set("name", endless)


@override_settings(ROOT_URLCONF=__name__)
def test_a_cached_page_is_unchanged(cache: BaseCache, client: Client) -> None:
    first, second = client.get("/page"), client.get("/page")
    assert (second.status_code, second.content) == (200, first.content)
    assert {"Age"} == set(second.headers) - set(first.headers)
    assert kept(second.headers) == kept(first.headers)
    assert (second["X-Name"], second["Content-Type"]) == ("Zoë", "image/png")
    assert "X-Frame-Options" not in second.headers
    assert second["Content-Security-Policy"] == "script-src 'self'"


def test_a_cached_page_has_no_cookie(cache: BaseCache, client: Client) -> None:
    with override_settings(ROOT_URLCONF=__name__):
        first, second = client.get("/page"), client.get("/page")
    assert ("visitor" in first.cookies, "visitor" in second.cookies) == (True, False)


def test_a_response_keeps_its_status_and_headers_in_the_cache(cache: BaseCache) -> None:
    cache.set("name", HttpResponse("gone", status=410, headers={"Content-Type": "text/plain"}))
    response = cache.get("name")
    assert (response.status_code, response.content) == (410, b"gone")
    assert dict(response.headers) == {"Content-Type": "text/plain"}


def test_a_cached_part_of_a_template_is_not_escaped(cache: BaseCache) -> None:
    template = Template("{% load cache %}{% cache 60 part %}<b>{{ text }}</b>{% endcache %}")
    assert template.render(Context({"text": "<i>"})) == "<b>&lt;i&gt;</b>"
    assert template.render(Context({"text": "other"})) == "<b>&lt;i&gt;</b>"


class Attack:
    """Creates a file when it is read from a pickle."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_not_executed(tmp_path: Path, protocol: int) -> None:
    data = pickle.dumps(Attack(tmp_path / "made"), protocol)
    for stored in (data, RESPONSE_PREFIX + data):
        assert JSONSerializer().loads(stored) is UNREADABLE
    assert not (tmp_path / "made").exists()
    pickle.loads(data)  # noqa: S301 - to prove that the attack works
    assert (tmp_path / "made").exists()


HEAD = {"status": 200, "headers": {}, "attributes": {}}


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        b"9" * 1_000_000,
        b"\xff\xfe",
        b"{",
        RESPONSE_PREFIX,
        RESPONSE_PREFIX + b"[" * 1_000_000,
        *(
            RESPONSE_PREFIX + json.dumps(HEAD | change).encode() + b"\nbody"
            for change in (
                {"status": 1000},
                {"headers": {"X-Name": "a\r\nSet-Cookie: b"}},
                {"headers": [1]},
                {"attributes": 1},
            )
        ),
    ],
)
def test_invalid_bytes_count_as_missing(stored: bytes) -> None:
    assert JSONSerializer().loads(stored) is UNREADABLE


@given(stored=st.binary() | st.binary().map(RESPONSE_PREFIX.__add__))
def test_no_bytes_raise(stored: bytes) -> None:
    JSONSerializer().loads(stored)


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers without those that differ in each response."""
    return {name: value for name, value in headers.items() if name not in {"Age", "X-Request-ID"}}
