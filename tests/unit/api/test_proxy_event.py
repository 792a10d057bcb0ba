"""Parsing of API Gateway's proxy events, and of the API key in their headers."""

import base64
from typing import Any

import pytest

from qwen_gateway import config
from qwen_gateway.api import HttpRequest, api_key_token, request
from qwen_gateway.config import MAX_BODY_BYTES
from qwen_gateway.errors import KeyMissing, RequestInvalid, RequestTooLarge
from qwen_gateway.request_ids import RequestIds
from tests.builders import chat_event, models_event, proxy_event

SIGNATURE = (
    "AWS4-HMAC-SHA256 Credential=AKIA/20261127/us-east-1/execute-api/aws4_request, SignedHeaders=host, Signature=0"
)


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
    assert api_key_token({"authorization": header}) == "sk-1"


@pytest.mark.parametrize("header", ["", "sk-1", "Bearer", "Bearer ", "Basic c2stMQ==", "Token sk-1"])
def test_another_authorization_header_is_a_missing_key(header: str) -> None:
    with pytest.raises(KeyMissing, match=r"Authorization: Bearer .* x-api-key"):
        api_key_token({"authorization": header})


@pytest.mark.parametrize("headers", [{}, {"x-api-key": ""}, {"api-key": " "}])
def test_a_request_without_a_key_is_a_missing_key(headers: dict[str, str]) -> None:
    with pytest.raises(KeyMissing):
        api_key_token(headers)


@pytest.mark.parametrize("name", ["x-api-key", "api-key"])
@pytest.mark.parametrize("authorization", [None, "", "Bearer ", "Basic c2stMQ==", SIGNATURE])
def test_the_key_can_be_in_a_header_of_its_own(name: str, authorization: str | None) -> None:
    """A signed request has its signature in `Authorization`; Azure's clients send no such header."""
    own = {} if authorization is None else {"authorization": authorization}

    assert api_key_token({name: " sk-1 ", **own}) == "sk-1"


def test_a_bearer_token_takes_precedence_over_the_other_headers() -> None:
    headers = {"authorization": "Bearer sk-1", "x-api-key": "sk-2", "api-key": "sk-3"}

    assert api_key_token(headers) == "sk-1"
    assert api_key_token({**headers, "authorization": SIGNATURE}) == "sk-2"
