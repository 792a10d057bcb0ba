"""Parsing of API Gateway's proxy events, and of the bearer token in their headers."""

import base64
from typing import Any

import pytest

from qwen_gateway import config
from qwen_gateway.api import HttpRequest, bearer_token, request
from qwen_gateway.config import MAX_BODY_BYTES
from qwen_gateway.errors import KeyMissing, RequestInvalid, RequestTooLarge
from qwen_gateway.request_ids import RequestIds
from tests.builders import chat_event, models_event, proxy_event


def parse_event(event: dict[str, Any]) -> HttpRequest:
    return request.parse_event(event, RequestIds("req_1"))


def test_headers_and_body_are_parsed() -> None:
    parsed = parse_event(chat_event({"model": "m"}, "sk-qg-1", {"X-Stainless-Retry-Count": "1"}))

    assert parsed.headers["authorization"] == "Bearer sk-qg-1"
    assert parsed.headers["x-stainless-retry-count"] == "1"
    assert parsed.body == b'{"model": "m"}'


def test_a_base64_body_is_decoded() -> None:
    sent = proxy_event("POST", "/v1/chat/completions", body=b"\xff\x00")

    assert sent["body"] == base64.b64encode(b"\xff\x00").decode()
    assert parse_event(sent).body == b"\xff\x00"


def test_a_missing_body_is_empty() -> None:
    assert parse_event(models_event()).body == b""


def test_the_last_value_of_a_repeated_header_counts() -> None:
    sent = models_event() | {"multiValueHeaders": {"Authorization": ["Bearer one", "Bearer two"], "X-Empty": []}}

    assert parse_event(sent).headers == {"authorization": "Bearer two"}


def test_single_value_headers_are_used_without_multi_value_headers() -> None:
    sent = models_event("sk-qg-1") | {"multiValueHeaders": None}

    assert parse_event(sent).headers["authorization"] == "Bearer sk-qg-1"
    assert parse_event({**sent, "headers": None}).headers == {}


def test_half_a_surrogate_pair_becomes_bytes_that_are_not_utf8() -> None:
    assert parse_event(chat_event('"\ud800"')).body == b'"\xed\xa0\x80"'


@pytest.mark.parametrize(
    "missing",
    [
        {},
        dict.fromkeys(models_event()),
        {"headers": {"authorization": None}, "pathParameters": {"model": None}},
        {"multiValueHeaders": {"authorization": None}},
        {"multiValueHeaders": {"authorization": [None]}},
    ],
)
def test_missing_and_null_fields_are_empty(missing: dict[str, Any]) -> None:
    assert parse_event(missing) == HttpRequest(RequestIds("req_1"), {}, b"", {})


@pytest.mark.parametrize("text", ["@@@@", "abc", "YWJj\n", "é", "\ud800"])
def test_invalid_base64_is_rejected(text: str) -> None:
    with pytest.raises(RequestInvalid, match="base64"):
        parse_event(chat_event(text) | {"isBase64Encoded": True})


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP", "identity, gzip"])
def test_a_compressed_body_is_rejected_with_advice(encoding: str) -> None:
    with pytest.raises(RequestInvalid, match="uncompressed"):
        parse_event(chat_event(b"\x1f\x8b", headers={"Content-Encoding": encoding}))


@pytest.mark.parametrize(("body", "encoding"), [("{}", "Identity"), ("{}", ""), ("", "gzip")])
def test_an_uncompressed_or_empty_body_is_accepted(body: str, encoding: str) -> None:
    assert parse_event(chat_event(body, headers={"Content-Encoding": encoding})).body == body.encode()


def test_the_maximum_size_is_accepted_and_one_byte_more_is_rejected() -> None:
    assert len(parse_event(chat_event("x" * MAX_BODY_BYTES)).body) == MAX_BODY_BYTES
    with pytest.raises(RequestTooLarge, match="at most 5500000 fit"):
        parse_event(chat_event("x" * (MAX_BODY_BYTES + 1)))


def test_the_environment_lowers_the_maximum_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_BODY_BYTES", "10")
    config.environment.cache_clear()

    assert parse_event(chat_event(b"0123456789")).body
    with pytest.raises(RequestTooLarge, match="at most 10 fit"):
        parse_event(chat_event(b"0123456789a"))


@pytest.mark.parametrize("header", ["Bearer sk-1", "bearer sk-1", "BEARER   sk-1 "])
def test_the_token_of_a_bearer_header_is_returned(header: str) -> None:
    assert bearer_token({"authorization": header}) == "sk-1"


@pytest.mark.parametrize("header", ["", "sk-1", "Bearer", "Bearer ", "Basic c2stMQ==", "Token sk-1"])
def test_another_authorization_header_is_a_missing_key(header: str) -> None:
    with pytest.raises(KeyMissing, match="Authorization: Bearer"):
        bearer_token({"authorization": header})


def test_a_missing_authorization_header_is_a_missing_key() -> None:
    with pytest.raises(KeyMissing):
        bearer_token({"x-api-key": "sk-1"})
