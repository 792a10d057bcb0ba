"""The HTTP response to each result and each error of a handler."""

import json
import re
from typing import Any

import pytest

from qwen_gateway import errors
from qwen_gateway.api import HTTP_ERRORS, HttpExchange, JsonResponse, http_error_for
from qwen_gateway.errors import (
    GatewayError,
    KeyMissing,
    LedgerUnavailable,
    ModelUnknown,
    ProviderThrottled,
    RequestInvalid,
)
from tests.builders import models_event
from tests.unit.conftest import Logged

ULID = re.compile(r"req_[0-7][0-9A-HJKMNP-TV-Z]{25}")


def respond(body: Any, headers: dict[str, str] | None = None) -> dict[str, Any]:
    with HttpExchange(models_event()) as exchange:
        exchange.respond(JsonResponse(body, headers or {}))
    return proxy_response(exchange)


def fail(failure: Exception) -> dict[str, Any]:
    with HttpExchange(models_event()) as exchange:
        raise failure
    return proxy_response(exchange)


def proxy_response(exchange: HttpExchange) -> dict[str, Any]:
    assert isinstance(exchange.response, dict)
    return exchange.response


def leaf_classes(cls: type[GatewayError]) -> set[type[GatewayError]]:
    subclasses = cls.__subclasses__()
    return {cls}.union(*(leaf_classes(each) for each in subclasses)) if subclasses else {cls}


def test_a_response_is_json_with_a_request_id_and_cors_headers() -> None:
    answer = respond({"ü": 1}, {"x-gateway-provider": "dashscope"})

    assert answer["statusCode"] == 200
    assert answer["body"] == '{"ü":1}'
    headers = answer["headers"]
    assert headers["content-type"] == "application/json"
    assert headers["access-control-allow-origin"] == "https://app.example"
    assert headers["x-gateway-provider"] == "dashscope"
    assert ULID.fullmatch(headers["x-request-id"])
    assert headers["access-control-expose-headers"] == "x-request-id,retry-after"


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("Qwen/Qwen3 8B:free", "Qwen/Qwen3 8B:free"),
        ("100%", "100%"),
        ("通义", "%E9%80%9A%E4%B9%89"),
        ("a\r\nset-cookie: b", "a%0D%0Aset-cookie: b"),
        ("a\0\x7f", "a%00%7F"),
        ("\ud800", "?"),
    ],
)
def test_any_model_name_fits_into_a_header(name: str, header: str) -> None:
    assert respond({}, {"x-gateway-model": name})["headers"]["x-gateway-model"] == header


def test_the_request_has_the_id_of_the_response() -> None:
    with HttpExchange(models_event()) as exchange:
        exchange.respond(JsonResponse({"id": exchange.request.ids.request_id}))

    response = proxy_response(exchange)
    assert json.loads(response["body"])["id"] == response["headers"]["x-request-id"]


def test_an_event_that_cannot_be_parsed_is_answered_with_the_error() -> None:
    with HttpExchange(models_event() | {"body": "@", "isBase64Encoded": True}) as exchange:
        exchange.respond(JsonResponse({"id": exchange.request.ids.request_id}))

    assert proxy_response(exchange)["statusCode"] == 400


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_the_end_of_the_process_is_no_response(interruption: type[BaseException]) -> None:
    with pytest.raises(interruption), HttpExchange(models_event()):
        raise interruption


def test_an_error_has_openais_form_and_the_retry_headers() -> None:
    answer = fail(ProviderThrottled("slow down", param="n", retry_after=1.2))

    assert answer["statusCode"] == 429
    assert json.loads(answer["body"]) == {
        "type": "error",
        "error": {"message": "slow down", "type": "rate_limit_error", "param": "n", "code": "provider_throttled"},
    }
    assert (answer["headers"]["retry-after"], answer["headers"]["x-should-retry"]) == ("2", "false")


def test_a_returned_error_keeps_its_headers() -> None:
    answer = respond(ModelUnknown("no such model"), {"x-gateway-attempts": "1"})

    assert answer["statusCode"] == 404
    assert answer["headers"]["x-gateway-attempts"] == "1"
    assert "retry-after" not in answer["headers"]
    assert "x-should-retry" not in answer["headers"]


def test_every_error_class_has_an_http_error() -> None:
    classes = leaf_classes(GatewayError) - {
        GatewayError,
        errors.RequestRefused,
        errors.KeyRefused,
        errors.LimitRefused,
        errors.DependencyFailed,
        errors.ProviderError,
    }

    assert classes == HTTP_ERRORS.keys()


def test_only_errors_of_the_client_have_the_type_invalid_request_error() -> None:
    """LiteLLM raises BadRequestError for every `invalid_request_error`, and reads a numeric code as a status."""
    for answer in HTTP_ERRORS.values():
        assert (answer.type == "invalid_request_error") == (answer.status in {400, 404, 413})
        assert answer.code == answer.code.lower()
        assert not answer.code.isdecimal()


def test_a_class_without_an_http_error_gets_that_of_its_base_class() -> None:
    class Subclass(LedgerUnavailable):
        pass

    assert http_error_for(Subclass("x")) == HTTP_ERRORS[LedgerUnavailable]


def test_an_unhandled_exception_is_a_500_without_its_message(logged: Logged) -> None:
    answer = fail(ValueError("a marked prompt"))

    assert answer["statusCode"] == 500
    error = json.loads(answer["body"])["error"]
    assert (error["type"], error["code"]) == ("server_error", "internal_error")
    assert "x-request-id" in error["message"]
    lines = logged()
    (line,) = [line for line in lines if line.get("message") == "unhandled exception"]
    assert line["error_type"] == "ValueError"
    assert line["request_id"] == answer["headers"]["x-request-id"]
    assert line["frames"][-1].endswith(" fail")
    assert "marked" not in answer["body"] + json.dumps(lines)


def test_text_with_half_a_surrogate_pair_is_sent_as_valid_utf8() -> None:
    """A provider may split a surrogate pair over two chunks, or send half of one."""
    answer = respond({"joined": "\ud83d" + "\ude00", "half": "a\ud83db"})

    assert json.loads(answer["body"]) == {"joined": "\N{GRINNING FACE}", "half": "a\N{REPLACEMENT CHARACTER}b"}


def test_a_failed_call_is_logged_with_its_cause_and_a_rejected_one_is_not(logged: Logged) -> None:
    answer = fail(ProviderThrottled("a marked prompt"))
    (line,) = [line for line in logged() if "_aws" not in line]
    assert (line["cause"], line["status"]) == ("ProviderThrottled", 429)
    assert line["request_id"] == answer["headers"]["x-request-id"]
    assert "marked" not in json.dumps(line)

    fail(RequestInvalid("a marked prompt"))
    assert [line for line in logged() if "_aws" not in line] == []


def metric_names(lines: list[dict[str, Any]]) -> list[str]:
    embedded = [directive for line in lines for directive in line.get("_aws", {}).get("CloudWatchMetrics", ())]
    return [metric["Name"] for directive in embedded for metric in directive["Metrics"]]


@pytest.mark.parametrize(
    ("failure", "metric"),
    [
        (RequestInvalid("x"), "request_refused"),
        (KeyMissing("x"), "request_refused"),
        (LedgerUnavailable("x"), "ledger_unavailable"),
        (ProviderThrottled("x"), "provider_throttled"),
        (ZeroDivisionError(), "internal_error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_every_error_is_counted(failure: Exception, metric: str, logged: Logged) -> None:
    fail(failure)

    assert metric_names(logged()) == [metric]
