"""Proxy events as requests."""

import base64
from typing import Any

import pytest

from qwen_gateway.api import HttpRequest
from qwen_gateway.api.proxy_event import parse_event
from qwen_gateway.errors import RequestInvalid
from tests.builders import chat_event, models_event, proxy_event


def test_an_event_has_headers_and_a_body() -> None:
    request = parse_event(chat_event({"model": "m"}, "sk-qg-1", {"X-Stainless-Retry-Count": "1"}))

    assert request.headers["authorization"] == "Bearer sk-qg-1"
    assert request.headers["x-stainless-retry-count"] == "1"
    assert request.body == b'{"model": "m"}'


def test_a_body_in_base64_is_what_it_stands_for() -> None:
    sent = proxy_event("POST", "/v1/chat/completions", body=b"\xff\x00")

    assert sent["body"] == base64.b64encode(b"\xff\x00").decode()
    assert parse_event(sent).body == b"\xff\x00"


def test_no_body_is_an_empty_one() -> None:
    assert parse_event(models_event()).body == b""


def test_of_a_repeated_header_the_last_value_counts() -> None:
    sent = models_event() | {"multiValueHeaders": {"Authorization": ["Bearer one", "Bearer two"], "X-Empty": []}}

    assert parse_event(sent).headers == {"authorization": "Bearer two"}


def test_single_headers_do_where_an_event_has_no_others() -> None:
    sent = models_event("sk-qg-1") | {"multiValueHeaders": None}

    assert parse_event(sent).headers["authorization"] == "Bearer sk-qg-1"
    assert parse_event({**sent, "headers": None}).headers == {}


def test_half_a_surrogate_pair_is_handed_on_as_bytes_that_are_no_utf8() -> None:
    assert parse_event(chat_event('"\ud800"')).body == b'"\xed\xa0\x80"'


@pytest.mark.parametrize(
    "nothing",
    [
        {},
        dict.fromkeys(models_event()),
        {"headers": {"authorization": None}, "pathParameters": {"model": None}},
        {"multiValueHeaders": {"authorization": None}},
        {"multiValueHeaders": {"authorization": [None]}},
    ],
)
def test_what_an_event_lacks_or_has_null_is_empty(nothing: dict[str, Any]) -> None:
    assert parse_event(nothing) == HttpRequest({}, b"", {})


@pytest.mark.parametrize("text", ["@@@@", "abc", "YWJj\n", "é", "\ud800"])
def test_what_is_marked_as_base64_and_is_none_is_refused(text: str) -> None:
    with pytest.raises(RequestInvalid, match="base64"):
        parse_event(chat_event(text) | {"isBase64Encoded": True})


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP", "identity, gzip"])
def test_a_compressed_body_is_refused_with_what_to_do(encoding: str) -> None:
    with pytest.raises(RequestInvalid, match="uncompressed"):
        parse_event(chat_event(b"\x1f\x8b", headers={"Content-Encoding": encoding}))


@pytest.mark.parametrize(("body", "encoding"), [("{}", "Identity"), ("{}", ""), ("", "gzip")])
def test_a_body_that_is_not_compressed_is_taken(body: str, encoding: str) -> None:
    assert parse_event(chat_event(body, headers={"Content-Encoding": encoding})).body == body.encode()
