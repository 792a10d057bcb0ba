"""Usage records of calls, also with invalid values of the client or the provider."""

from typing import Any

import pytest

from qwen_gateway.api import HttpRequest
from qwen_gateway.calls.call_cost import CallCost
from qwen_gateway.calls.usage_record import Call, CallStart, build_usage_record
from qwen_gateway.ledger import AttemptRecord, UsageRecord
from qwen_gateway.pricing import Cost, Unpriced
from qwen_gateway.request_ids import RequestIds
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Attempt, Outcome, RoutedRequest
from qwen_gateway.usage import Usage
from tests.builders import KEY_ID, chat_request

TARGET = Target("dashscope", "qwen4-max")
NO_USAGE = Unpriced("no_usage")


def build_record(
    *,
    usage: Usage | None = None,
    attempt: Attempt | None = None,
    cost: Cost | Unpriced = NO_USAGE,
    headers: dict[str, str] | None = None,
    **fields: Any,
) -> UsageRecord:
    body = chat_request(**fields)
    request = HttpRequest(RequestIds("req_01ARZ3NDEKTSV4RRFFQ69G5FAV"), headers or {}, b"")
    call = Call(request, KEY_ID, RoutedRequest(body["model"], (TARGET,), body), CallStart.now(), "chat/completions")
    succeeded = attempt or Attempt(TARGET, "", 200, "req-1", 40, 10, "billed")
    return build_usage_record(call, Outcome((succeeded,), {}, usage), CallCost(cost))


def test_the_usage_is_that_of_the_outcome() -> None:
    assert build_record(usage=Usage(40, 9)).usage == Usage(40, 9)
    assert build_record(usage=None).usage == Usage()


def test_the_cost_is_recorded_with_its_price_or_why_there_is_none() -> None:
    priced = build_record(cost=Cost(5, "USD", "list/model@2026-11-01", "0.14"))
    unpriced = build_record(cost=Unpriced("no_price"))

    assert (priced.cost, priced.cost_currency, priced.exchange_rate) == (5, "USD", "0.14")
    assert (priced.price, priced.unpriced) == ("list/model@2026-11-01", None)
    assert (unpriced.cost, unpriced.cost_currency, unpriced.unpriced) == (None, None, "no_price")


def test_the_requested_name_and_the_answering_model_are_recorded() -> None:
    record = build_record(model="qwen-max")

    assert (record.model_asked, record.model_used, record.provider) == ("qwen-max", "qwen4-max", "dashscope")
    assert record.first_token_ms == 10


def test_a_successful_attempt_has_no_cause() -> None:
    assert build_record().attempts == (
        AttemptRecord(
            provider="dashscope",
            model="qwen4-max",
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
