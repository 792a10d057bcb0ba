"""Errors of providers: the forms of their bodies, and the cause that a status, a code and a message mean."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gateway.errors import (
    ProviderAnswerBroken,
    ProviderContextExceeded,
    ProviderError,
    ProviderFault,
    ProviderKeyRefused,
    ProviderModelMissing,
    ProviderOutOfCredit,
    ProviderOverloaded,
    ProviderRefused,
    ProviderThrottled,
    ProviderTimeout,
)
from qwen_gateway.provider_failures import ErrorBody, classify, parse_error_body, quotable_message
from tests.builders import error_body

MISLEADING = "429 Throttling insufficient_quota Arrearage invalid_api_key model_not_found"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (error_body("m", "Arrearage"), ErrorBody("m", "Arrearage", None)),
        (error_body("m", "invalid_value", param="n"), ErrorBody("m", "invalid_value", "n")),
        (error_body("m", None, type="Throttling"), ErrorBody("m", "Throttling", None)),
        (error_body("m", 500), ErrorBody("m", "500", None)),
        (error_body("m", "c", param=7), ErrorBody("m", "c", None)),
        ({"Code": "Throttling.User", "Message": "m", "RequestId": "r"}, ErrorBody("m", "Throttling.User", None)),
        ({"code": "InvalidApiKey", "message": "m", "request_id": "r"}, ErrorBody("m", "InvalidApiKey", None)),
        ({"error": {"message": "m", "code": "c"}}, ErrorBody("m", "c", None)),
        ({"error": "a text"}, ErrorBody("a text", "", None)),
        ({"error": "a text", "code": "c"}, ErrorBody("a text", "c", None)),
        ({"error": ["a", {"message": "b", "code": "c"}]}, ErrorBody("a; b", "c", None)),
        ({"error": True, "message": "m"}, ErrorBody("m", "", None)),
        (
            {"type": "error", "error": {"type": "overloaded_error", "message": "m"}},
            ErrorBody("m", "overloaded_error", None),
        ),
        ({"error": {"message": '{"error": {"message": "m", "code": "c"}}'}}, ErrorBody("m", "c", None)),
        ({"error": {"message": "[] is too short - 'tools'"}}, ErrorBody("[] is too short - 'tools'", "", None)),
        ({"error": {"message": "<400> m"}}, ErrorBody("<400> m", "", None)),
        ({"detail": "m"}, ErrorBody("m", "", None)),
        ({"detail": {"error": {"message": "m", "code": "c"}}}, ErrorBody("m", "c", None)),
        (
            {"detail": [{"loc": ["body", "messages"], "msg": "field required", "type": "missing"}]},
            ErrorBody("messages: field required", "", None),
        ),
        (
            {"detail": [{"loc": ["body", "messages", 0, "role"], "msg": "a"}, {"loc": ["body", "n"], "msg": "b"}]},
            ErrorBody("messages.0.role: a; n: b", "", None),
        ),
        ({"errors": [{"message": "a", "code": 7}, {"message": "b"}]}, ErrorBody("a; b", "7", None)),
        ([{"error": {"message": "m", "code": 400}}], ErrorBody("m", "400", None)),
        (
            {"object": "error", "message": "m", "type": "BadRequestError", "param": None, "code": 400},
            ErrorBody("m", "400", None),
        ),
        ({"title": "t", "detail": "m", "status": 400}, ErrorBody("m", "", None)),
        ("a text", ErrorBody("a text", "", None)),
        ("x" * 5_000, ErrorBody("x" * 1_000, "", None)),
        ('{"error": {"message": "m", "code": "c"}}', ErrorBody("m", "c", None)),
        ('"a text"', ErrorBody("a text", "", None)),
        ('"{\\"error\\": \\"m\\"}"', ErrorBody("m", "", None)),
        ("[sk-***] m", ErrorBody("[sk-***] m", "", None)),
        ('{"error": {"mess', ErrorBody("", "", None)),
        ("<!DOCTYPE html><html></html>", ErrorBody("", "", None)),
        ("null", ErrorBody("", "", None)),
        ("", ErrorBody("", "", None)),
        ({"error": None}, ErrorBody("", "", None)),
        ({"error": {}}, ErrorBody("", "", None)),
        ({"error": {"message": {"a": [1]}}}, ErrorBody("", "", None)),
        ({}, ErrorBody("", "", None)),
        ([], ErrorBody("", "", None)),
        (None, ErrorBody("", "", None)),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_every_form_of_an_error_body_is_parsed(body: Any, expected: ErrorBody) -> None:
    assert parse_error_body(body) == expected


FIELDS = ["error", "errors", "detail", "message", "msg", "code", "type", "param", "loc"]
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just('{"error": "m"}'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
)


@given(body=BODIES)
def test_any_body_is_parsed(body: Any) -> None:
    parsed = parse_error_body(body)

    assert isinstance(parsed.message, str)
    assert isinstance(parsed.code, str)
    assert parsed.param is None or isinstance(parsed.param, str)
    assert issubclass(classify(400, parsed), ProviderError)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, ProviderAnswerBroken),
        (400, ProviderRefused),
        (401, ProviderKeyRefused),
        (402, ProviderOutOfCredit),
        (403, ProviderModelMissing),
        (404, ProviderModelMissing),
        (408, ProviderTimeout),
        (413, ProviderRefused),
        (422, ProviderRefused),
        (429, ProviderThrottled),
        (500, ProviderFault),
        (502, ProviderFault),
        (503, ProviderOverloaded),
        (504, ProviderTimeout),
        (529, ProviderOverloaded),
        (None, ProviderFault),
    ],
)
def test_the_status_decides_about_an_unknown_code(status: int | None, kind: type[ProviderError]) -> None:
    assert classify(status, ErrorBody("", "", None)) is kind
    assert classify(status, ErrorBody(MISLEADING, "unknown", None)) is kind


@pytest.mark.parametrize("code", ["InvalidApiKey", "INVALIDAPIKEY", "invalid_api_key"])
def test_a_code_counts_in_any_case_and_at_any_status(code: str) -> None:
    assert {classify(status, ErrorBody("", code, None)) for status in (400, 401, 403, None)} == {ProviderKeyRefused}


@pytest.mark.parametrize("code", ["insufficient_quota", "Throttling.AllocationQuota"])
def test_the_message_distinguishes_a_used_up_free_quota_from_throttling(code: str) -> None:
    assert classify(429, ErrorBody("Free allocated quota exceeded.", code, None)) is ProviderModelMissing
    assert classify(429, ErrorBody("You exceeded your current quota.", code, None)) is ProviderThrottled


@pytest.mark.parametrize("status", [400, 413, 422, None])
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("context_length_exceeded", ""),
        ("InvalidParameter", "Range of input length should be [1, 129024]"),
        (
            "invalid_parameter_error",
            "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 6]",
        ),
        ("10012", "InternalError.Algo.InvalidParameter: Range of input length should be [1, 202745]"),
        ("InvalidParameter", "Total message token length exceed model limit (10000000 tokens)."),
        ("BadRequestError", "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."),
        ("invalid_request_error", "The input (5000 tokens) is longer than the model's context length (4096 tokens)."),
        ("", "The decoder prompt (length 5000) is longer than the maximum model length of 4096."),
        ("", "the request exceeds the available context size, try increasing it"),
        ("", "input length and `max_tokens` exceed context limit: 199759 + 8192 > 200000"),
        ("", "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575)."),
    ],
)
def test_a_request_longer_than_the_context_is_recognized(status: int | None, code: str, message: str) -> None:
    assert classify(status, ErrorBody(message, code, None)) is ProviderContextExceeded


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (400, "InvalidParameter", "Range of max_tokens should be [1, 8192]"),
        (429, "rate_limit_exceeded", "Request too large: it exceeds the tokens per minute of this context window."),
        (429, "Throttling", "maximum context length"),
        (400, "DataInspectionFailed", "maximum context length"),
    ],
)
def test_other_errors_are_not_taken_for_a_long_request(status: int, code: str, message: str) -> None:
    assert classify(status, ErrorBody(message, code, None)) is not ProviderContextExceeded


@pytest.mark.parametrize("code", ["InvalidParameter", "invalid_parameter_error", "20012", ""])
def test_a_message_about_a_missing_model_counts_with_status_400(code: str) -> None:
    for message in ("Model not exist.", "Model does not exist. Please check it carefully."):
        assert classify(400, ErrorBody(message, code, None)) is ProviderModelMissing


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (403, "insufficient_user_quota", "user quota is not enough"),
        (403, "pre_consume_token_quota_failed", "token quota is not enough, token remain quota: $0.1"),
        (403, "local:pre_consume_token_quota_failed", ""),
        (429, "insufficient_user_quota", ""),
        (403, "", "用户额度不足, 剩余额度: $0.05"),
        (403, "new_api_error", "预扣费额度失败, 用户剩余额度: $0.1, 需要预扣费额度: $0.2"),
        (401, "new_api_error", "该令牌额度已用尽"),
        (403, "INSUFFICIENT_BALANCE", "Insufficient account balance"),
        (None, "insufficient_user_quota", ""),
    ],
)
def test_the_spent_quota_of_a_reseller_means_out_of_credit(status: int | None, code: str, message: str) -> None:
    assert classify(status, ErrorBody(message, code, None)) is ProviderOutOfCredit


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("400", ProviderRefused),
        ("401", ProviderKeyRefused),
        ("402", ProviderOutOfCredit),
        ("404", ProviderModelMissing),
        ("429", ProviderThrottled),
        ("502", ProviderFault),
        ("503", ProviderOverloaded),
        ("10012", ProviderFault),
        ("InvalidParameter", ProviderRefused),
        ("invalid_request_error", ProviderRefused),
        ("rate_limit_exceeded", ProviderThrottled),
        ("overloaded_error", ProviderOverloaded),
        ("AccessDenied.Unpurchased", ProviderModelMissing),
        ("Model.AccessDenied", ProviderModelMissing),
    ],
)
def test_the_code_of_an_event_stands_for_its_status(code: str, kind: type[ProviderError]) -> None:
    assert classify(None, ErrorBody("", code, None)) is kind
    assert classify(200, ErrorBody("", code, None)) is kind


@pytest.mark.parametrize(("status", "code"), [(403, "DataInspectionFailed"), (403, None), (200, "Model.AccessDenied")])
def test_nothing_of_a_403_is_quoted(status: int, code: str | None) -> None:
    assert quotable_message(ProviderRefused("Account 7 has no access.", status=status, code=code)) == ""
    assert quotable_message(ProviderRefused("n is too large", status=400, code="InvalidParameter")) == "n is too large"


def test_the_message_distinguishes_a_retired_model_from_a_wrong_parameter() -> None:
    assert classify(400, ErrorBody("Model not exist.", "InvalidParameter", None)) is ProviderModelMissing
    assert classify(400, ErrorBody("Range of n should be [1, 4]", "InvalidParameter", None)) is ProviderRefused
