"""What a call costs: the price of its start, also if the price changes before its end."""

from typing import Any

import pytest

from qwen_gateway.api import HttpRequest
from qwen_gateway.calls.call_cost import add_cost, price_call, usage_fields
from qwen_gateway.calls.usage_record import Call, CallStart
from qwen_gateway.errors import ProviderTimeout
from qwen_gateway.pricing import Cost, Unpriced
from qwen_gateway.request_ids import RequestIds
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Attempt, Outcome, RoutedRequest
from qwen_gateway.usage import Usage
from tests.builders import api_key, chat_request

TARGET = Target("dashscope", "qwen-plus")
MIDNIGHT = 1_796_083_200.0


class PricesThatDouble:
    """Prices that double at midnight: a token costs 1 pico-unit, then 2."""

    def cost(self, _target: Target, usage: Usage | None, at: float) -> Cost | Unpriced:
        assert usage
        return Cost((usage.tokens_in or 0) * (2 if at >= MIDNIGHT else 1) + 100 * (usage.searches or 0), "USD")

    def nothing(self) -> Cost:
        return Cost(0, "USD")


def price(outcome: Outcome, started: float = MIDNIGHT, **fields: Any) -> Cost | Unpriced:
    body = chat_request(**fields)
    request = HttpRequest(RequestIds("req_01ARZ3NDEKTSV4RRFFQ69G5FAV"), {}, b"")
    call = Call(request, api_key(), RoutedRequest("qwen-plus", (TARGET,), body), CallStart(started, 0))
    return price_call(PricesThatDouble(), call, outcome)


def attempt(charged: str) -> Attempt:
    return Attempt(TARGET, "", 200, "req-1", 40, 10, charged)


ANSWERED = Outcome((attempt("billed"),), {"usage": {}}, Usage(7, 1))


@pytest.mark.parametrize(("started", "amount"), [(MIDNIGHT - 0.001, 7), (MIDNIGHT, 14)])
def test_the_price_is_that_of_the_calls_start(started: float, amount: int) -> None:
    assert price(ANSWERED, started) == Cost(amount, "USD")


def test_only_the_answer_has_a_cost_and_not_the_failed_attempts_before_it() -> None:
    assert price(ANSWERED._replace(attempts=(attempt("presumed"), attempt("billed")))) == Cost(14, "USD")


@pytest.mark.parametrize(
    ("charged", "expected"),
    [((), Cost(0, "USD")), (("none", "none"), Cost(0, "USD")), (("none", "presumed"), Unpriced("presumed"))],
)
def test_a_failed_call_costs_nothing_or_is_unpriced(charged: tuple[str, ...], expected: Cost | Unpriced) -> None:
    failed = Outcome(tuple(map(attempt, charged)), ProviderTimeout("x"))

    assert price(failed) == expected


@pytest.mark.parametrize(
    ("searches", "fields", "amount"),
    [(None, {}, 14), (None, {"enable_search": True}, 114), (3, {"enable_search": True}, 314), (0, {}, 14)],
)
def test_a_search_that_is_not_counted_is_one(searches: int | None, fields: dict[str, Any], amount: int) -> None:
    outcome = ANSWERED._replace(usage=Usage(7, 1, searches=searches))

    assert price(outcome, **fields) == Cost(amount, "USD")


def test_an_answer_without_usage_stays_as_it_is() -> None:
    assert add_cost({"choices": []}, Cost(1, "USD")) == {"choices": []}


def test_an_unknown_cost_is_left_out() -> None:
    assert usage_fields(Unpriced("no_price")) == {}
    assert usage_fields(Cost(1_234_567, "CNY")) == {"cost": 0.000001234567, "cost_currency": "CNY"}
