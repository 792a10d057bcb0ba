"""Usage records of calls, also with invalid values of the client or the provider."""

from typing import Any

import pytest

from chat.usage_record import Call, CallStart, build_usage_record
from qwen_gateway.api import ChatRequest
from qwen_gateway.ledger import AttemptRecord, UsageRecord
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Attempt, Outcome
from tests.builders import api_key, chat_request

TARGET = Target("dashscope", "qwen3-max")
USAGE = {
    "prompt_tokens": 40,
    "completion_tokens": 9,
    "prompt_tokens_details": {"cached_tokens": 30, "cache_creation_input_tokens": 4, "cache_type": "ephemeral"},
    "completion_tokens_details": {"reasoning_tokens": 5, "text_tokens": 9},
}


def build_record(
    *, usage: Any = None, attempt: Attempt | None = None, headers: dict[str, str] | None = None, **fields: Any
) -> UsageRecord:
    body = chat_request(**fields)
    call = Call(
        "req_01ARZ3NDEKTSV4RRFFQ69G5FAV", api_key(), ChatRequest(body["model"], body), headers or {}, CallStart.now()
    )
    succeeded = attempt or Attempt(TARGET, "", 200, "req-1", 40, 10, "billed")
    return build_usage_record(call, Outcome((succeeded,), {"usage": usage}), response_started=False)


def test_each_kind_of_token_has_its_own_field() -> None:
    record = build_record(usage=USAGE)

    assert (record.tokens_in, record.tokens_out) == (40, 9)
    assert (record.tokens_cached, record.tokens_cache_write, record.tokens_thinking) == (30, 4, 5)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        {},
        {"prompt_tokens": None, "completion_tokens": "9", "prompt_tokens_details": 7},
        {"prompt_tokens": True, "completion_tokens": 9.5, "completion_tokens_details": {"reasoning_tokens": {}}},
    ],
    ids=str,
)
def test_missing_or_invalid_usage_is_unknown_and_not_zero(usage: Any) -> None:
    record = build_record(usage=usage)

    assert (record.tokens_in, record.tokens_out) == (None, None)
    assert (record.tokens_cached, record.tokens_cache_write, record.tokens_thinking) == (None, None, None)


def test_the_requested_name_and_the_answering_model_are_recorded() -> None:
    record = build_record(model="qwen-max")

    assert (record.model_asked, record.model_used, record.provider) == ("qwen-max", "qwen3-max", "dashscope")
    assert record.first_token_ms == 10


def test_a_successful_attempt_has_no_cause() -> None:
    assert build_record().attempts == (
        AttemptRecord(
            provider="dashscope",
            model="qwen3-max",
            charged="billed",
            latency_ms=40,
            cause=None,
            http_status=200,
            provider_request_id="req-1",
        ),
    )


def test_a_failed_attempt_has_a_cause() -> None:
    failed = Attempt(TARGET, "ProviderFault", 500, None, 40, None, "presumed")

    (attempt,) = build_record(attempt=failed).attempts

    assert (attempt.cause, attempt.http_status, attempt.charged) == ("ProviderFault", 500, "presumed")


@pytest.mark.parametrize(
    ("user", "kept"), [("alice", "alice"), ("", None), (None, None), (7, None), ({"id": "alice"}, None)]
)
def test_the_end_user_is_a_string_or_unknown(user: object, kept: str | None) -> None:
    assert build_record(user=user).end_user == kept


@pytest.mark.parametrize(
    ("value", "count"),
    [("0", 0), ("2", 2), ("", None), ("-1", None), ("1.5", None), ("two", None), ("²", None), ("9" * 5000, None)],
)
def test_the_clients_retry_count_is_a_small_number_or_unknown(value: str, count: int | None) -> None:
    assert build_record(headers={"x-stainless-retry-count": value}).client_retry_count == count
