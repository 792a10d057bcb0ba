"""What a record takes from a call, whatever the client and the provider wrote there."""

from typing import Any

import pytest

from chat.usage_record import Call, CallStart, build_usage_record
from qwen_gateway.api import ChatRequest
from qwen_gateway.ledger import AttemptRecord, UsageRecord
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Attempt, Outcome
from tests.builders import api_key, chat_request

TARGET = Target("dashscope", "qwen3-max")
COUNTED = {
    "prompt_tokens": 40,
    "completion_tokens": 9,
    "prompt_tokens_details": {"cached_tokens": 30, "cache_creation_input_tokens": 4, "cache_type": "ephemeral"},
    "completion_tokens_details": {"reasoning_tokens": 5, "text_tokens": 9},
}


def recorded(
    *, usage: Any = None, attempt: Attempt | None = None, headers: dict[str, str] | None = None, **fields: Any
) -> UsageRecord:
    body = chat_request(**fields)
    call = Call(
        "req_01ARZ3NDEKTSV4RRFFQ69G5FAV", api_key(), ChatRequest(body["model"], body), headers or {}, CallStart.now()
    )
    answered = attempt or Attempt(TARGET, "", 200, "req-1", 40, 10, "billed")
    return build_usage_record(call, Outcome((answered,), {"usage": usage}), response_started=False)


def test_the_parts_of_the_usage_are_told_apart() -> None:
    record = recorded(usage=COUNTED)

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
def test_usage_that_is_none_is_unknown_and_never_zero(usage: Any) -> None:
    record = recorded(usage=usage)

    assert (record.tokens_in, record.tokens_out) == (None, None)
    assert (record.tokens_cached, record.tokens_cache_write, record.tokens_thinking) == (None, None, None)


def test_the_name_that_was_asked_and_the_model_that_answered_are_both_kept() -> None:
    record = recorded(model="qwen-max")

    assert (record.model_asked, record.model_used, record.provider) == ("qwen-max", "qwen3-max", "dashscope")
    assert record.first_token_ms == 10


def test_an_attempt_that_answered_has_no_cause() -> None:
    assert recorded().attempts == (
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


def test_an_attempt_that_failed_has_one() -> None:
    failed = Attempt(TARGET, "ProviderFault", 500, None, 40, None, "presumed")

    (attempt,) = recorded(attempt=failed).attempts

    assert (attempt.cause, attempt.http_status, attempt.charged) == ("ProviderFault", 500, "presumed")


@pytest.mark.parametrize(
    ("user", "kept"), [("alice", "alice"), ("", None), (None, None), (7, None), ({"id": "alice"}, None)]
)
def test_the_end_user_is_a_text_or_unknown(user: object, kept: str | None) -> None:
    assert recorded(user=user).end_user == kept


@pytest.mark.parametrize(
    ("value", "count"),
    [("0", 0), ("2", 2), ("", None), ("-1", None), ("1.5", None), ("two", None), ("²", None), ("9" * 5000, None)],
)
def test_a_clients_count_of_repeats_is_a_small_number_or_unknown(value: str, count: int | None) -> None:
    assert recorded(headers={"x-stainless-retry-count": value}).client_retry_count == count
