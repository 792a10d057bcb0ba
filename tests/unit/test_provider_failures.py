"""What a provider says in its several envelopes, and what it means: by status and code, never by its words."""

from typing import Any

import pytest

from qwen_gateway.errors import (
    ProviderAnswerBroken,
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
from qwen_gateway.provider_failures import ErrorBody, classify, parse_error_body
from tests.builders import error_body

WORDS = "429 Throttling insufficient_quota Arrearage invalid_api_key model_not_found"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (error_body("m", "Arrearage"), ErrorBody("m", "Arrearage", None)),
        (error_body("m", "invalid_value", param="n"), ErrorBody("m", "invalid_value", "n")),
        (error_body("m", None, type="Throttling"), ErrorBody("m", "Throttling", None)),
        (error_body("m", 500), ErrorBody("m", "500", None)),
        (error_body("m", "c", param=7), ErrorBody("m", "c", None)),
        ({"code": "InvalidApiKey", "message": "m", "request_id": "r"}, ErrorBody("m", "InvalidApiKey", None)),
        ({"error": {"message": "m", "code": "c"}}, ErrorBody("m", "c", None)),
        ({"error": "words alone"}, ErrorBody("", "", None)),
        ({"error": None}, ErrorBody("", "", None)),
        ({}, ErrorBody("", "", None)),
        ([], ErrorBody("", "", None)),
        ("text", ErrorBody("", "", None)),
        (None, ErrorBody("", "", None)),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_every_envelope_is_understood(body: Any, expected: ErrorBody) -> None:
    assert parse_error_body(body) == expected


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
        (529, ProviderFault),
        (None, ProviderFault),
    ],
)
def test_without_a_code_the_status_decides_whatever_the_words_are(
    status: int | None, kind: type[ProviderError]
) -> None:
    assert classify(status, ErrorBody("", "", None)) is kind
    assert classify(status, ErrorBody(WORDS, "unheard_of", None)) is kind


@pytest.mark.parametrize("code", ["InvalidApiKey", "INVALIDAPIKEY", "invalid_api_key"])
def test_a_code_counts_in_any_case_and_at_any_status(code: str) -> None:
    assert {classify(status, ErrorBody("", code, None)) for status in (400, 401, 403, None)} == {ProviderKeyRefused}


@pytest.mark.parametrize("code", ["insufficient_quota", "Throttling.AllocationQuota"])
def test_a_message_tells_the_spent_free_quota_from_throttling(code: str) -> None:
    assert classify(429, ErrorBody("Free allocated quota exceeded.", code, None)) is ProviderModelMissing
    assert classify(429, ErrorBody("You exceeded your current quota.", code, None)) is ProviderThrottled


def test_a_message_tells_a_retired_model_from_a_wrong_parameter() -> None:
    assert classify(400, ErrorBody("Model not exist.", "InvalidParameter", None)) is ProviderModelMissing
    assert classify(400, ErrorBody("Range of n should be [1, 4]", "InvalidParameter", None)) is ProviderRefused
