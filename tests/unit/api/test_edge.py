"""How every answer leaves, whatever happened before."""

import json
import re
from typing import Any

import pytest

from qwen_gateway import errors
from qwen_gateway.api import HTTP_ERRORS, HttpRequest, JsonResponse, http_error_for, serve
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


def answered(body: Any, headers: dict[str, str] | None = None) -> dict[str, Any]:
    return serve(models_event(), lambda *_: JsonResponse(body, headers or {}))


def raising(failure: Exception) -> dict[str, Any]:
    def handle(_request: HttpRequest, _request_id: str) -> JsonResponse:
        raise failure

    return serve(models_event(), handle)


def leaves(kind: type[GatewayError]) -> set[type[GatewayError]]:
    below = kind.__subclasses__()
    return {kind}.union(*(leaves(each) for each in below)) if below else {kind}


def test_an_answer_is_json_with_an_id_and_what_browsers_need() -> None:
    answer = answered({"ü": 1}, {"x-gateway-provider": "dashscope"})

    assert answer["statusCode"] == 200
    assert answer["body"] == '{"ü":1}'
    headers = answer["headers"]
    assert headers["content-type"] == "application/json"
    assert headers["access-control-allow-origin"] == "https://app.example"
    assert headers["x-gateway-provider"] == "dashscope"
    assert ULID.fullmatch(headers["x-request-id"])
    exposed = headers["access-control-expose-headers"].split(", ")
    assert {"x-request-id", "x-gateway-provider", "x-should-retry", "retry-after"} <= set(exposed)


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
def test_a_header_holds_any_name(name: str, header: str) -> None:
    assert answered({}, {"x-gateway-model": name})["headers"]["x-gateway-model"] == header


def test_a_handler_knows_the_id_that_the_client_gets() -> None:
    answer = serve(models_event(), lambda _, request_id: JsonResponse({"id": request_id}))

    assert json.loads(answer["body"])["id"] == answer["headers"]["x-request-id"]


def test_a_failure_has_openais_shape_and_says_whether_and_when_to_repeat() -> None:
    answer = raising(ProviderThrottled("slow down", param="n", retry_after=1.2))

    assert answer["statusCode"] == 429
    assert json.loads(answer["body"]) == {
        "error": {"message": "slow down", "type": "rate_limit_error", "param": "n", "code": "provider_throttled"}
    }
    assert (answer["headers"]["retry-after"], answer["headers"]["x-should-retry"]) == ("2", "false")


def test_a_failure_that_was_returned_keeps_its_headers() -> None:
    answer = answered(ModelUnknown("no such model"), {"x-gateway-attempts": "1"})

    assert answer["statusCode"] == 404
    assert answer["headers"]["x-gateway-attempts"] == "1"
    assert "retry-after" not in answer["headers"]
    assert "x-should-retry" not in answer["headers"]


def test_every_failure_has_its_row_in_the_table() -> None:
    kinds = leaves(GatewayError) - {
        GatewayError,
        errors.RequestRefused,
        errors.KeyRefused,
        errors.DependencyFailed,
        errors.ProviderError,
    }

    assert kinds == HTTP_ERRORS.keys()


def test_only_what_a_client_can_mend_is_told_as_its_fault() -> None:
    """LiteLLM makes a BadRequestError of whatever says invalid_request_error, and numbers are taken for statuses."""
    for answer in HTTP_ERRORS.values():
        assert (answer.type == "invalid_request_error") == (answer.status in {400, 404, 413})
        assert answer.code == answer.code.lower()
        assert not answer.code.isdecimal()


def test_a_kind_without_a_row_is_told_as_the_one_that_it_is_of() -> None:
    class Finer(LedgerUnavailable):
        pass

    assert http_error_for(Finer("x")) == HTTP_ERRORS[LedgerUnavailable]


def test_a_defect_is_a_500_whose_words_are_told_to_nobody(logged: Logged) -> None:
    answer = raising(ValueError("a marked prompt"))

    assert answer["statusCode"] == 500
    error = json.loads(answer["body"])["error"]
    assert (error["type"], error["code"]) == ("server_error", "internal_error")
    assert "x-request-id" in error["message"]
    lines = logged()
    (defect,) = [line for line in lines if line.get("message") == "unhandled exception"]
    assert defect["error_type"] == "ValueError"
    assert defect["request_id"] == answer["headers"]["x-request-id"]
    assert "handle" in defect["frames"][-1]
    assert "marked" not in answer["body"] + json.dumps(lines)


def test_a_text_that_utf8_cannot_hold_still_leaves_as_text() -> None:
    """A provider may break a surrogate pair over two chunks, or send a half of one."""
    answer = answered({"joined": "\ud83d" + "\ude00", "half": "a\ud83db"})

    assert json.loads(answer["body"]) == {"joined": "\N{GRINNING FACE}", "half": "a\N{REPLACEMENT CHARACTER}b"}


def test_a_failed_call_is_logged_by_its_cause_and_a_refused_one_is_not(logged: Logged) -> None:
    answer = raising(ProviderThrottled("a marked prompt"))
    (line,) = [line for line in logged() if "_aws" not in line]
    assert (line["cause"], line["status"]) == ("ProviderThrottled", 429)
    assert line["request_id"] == answer["headers"]["x-request-id"]
    assert "marked" not in json.dumps(line)

    raising(RequestInvalid("a marked prompt"))
    assert [line for line in logged() if "_aws" not in line] == []


def metrics(lines: list[dict[str, Any]]) -> list[str]:
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
def test_every_failure_is_counted(failure: Exception, metric: str, logged: Logged) -> None:
    raising(failure)

    assert metrics(logged()) == [metric]
