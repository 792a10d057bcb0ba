"""What a call costs: the price of its start, also if the price changes before its end."""

from typing import Literal

import pytest

from qwen_gateway.calls.call_cost import CallCost, Pricing, add_cost, price_call, usage_fields
from qwen_gateway.errors import ProviderTimeout
from qwen_gateway.pricing import Cost, Unpriced
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Attempt, Outcome
from qwen_gateway.usage import Usage

TARGET = Target("dashscope", "qwen-plus")
MIDNIGHT = 1_796_083_200.0


class PricesThatDouble:
    """Prices that double at midnight: a token costs 1 pico-unit, then 2."""

    def cost(self, _target: Target, usage: Usage | None, at: float) -> Cost | Unpriced:
        if usage is None:
            return Unpriced("no_usage")
        return Cost((usage.tokens_in or 0) * (2 if at >= MIDNIGHT else 1), "USD")

    def nothing(self) -> Cost:
        return Cost(0, "USD")


def price(
    outcome: Outcome, started: float = MIDNIGHT, *, amount: int = 0, policy: Literal["bound", "nothing"] = "bound"
) -> CallCost:
    bound = Cost(amount, "USD") if amount else None
    pricing = Pricing(PricesThatDouble(), lambda _: bound, policy, started, amount)
    return price_call(pricing, outcome.attempts, outcome.usage)


def attempt(charged: str) -> Attempt:
    return Attempt(TARGET, "", 200, "req-1", 40, 10, charged)


ANSWERED = Outcome((attempt("billed"),), {"usage": {}}, Usage(7, 1))


@pytest.mark.parametrize(("started", "amount"), [(MIDNIGHT - 0.001, 7), (MIDNIGHT, 14)])
def test_the_price_is_that_of_the_calls_start(started: float, amount: int) -> None:
    assert price(ANSWERED, started) == CallCost(Cost(amount, "USD"), (None,))


def test_the_answers_cost_is_told_although_that_of_a_failed_attempt_is_not_known() -> None:
    outcome = ANSWERED._replace(attempts=(attempt("presumed"), attempt("billed")))

    assert price(outcome).cost == Cost(14, "USD")


def test_attempts_that_may_have_run_are_charged_their_bound_beside_the_answer() -> None:
    outcome = ANSWERED._replace(attempts=(attempt("presumed"), attempt("none"), attempt("billed")))

    assert price(outcome, amount=100) == CallCost(Cost(114, "USD"), (100, None, None))


def test_attempts_that_may_have_run_are_not_charged_by_the_other_policy() -> None:
    outcome = ANSWERED._replace(attempts=(attempt("presumed"), attempt("billed")))

    assert price(outcome, amount=100, policy="nothing") == CallCost(Cost(14, "USD"), (0, None))


def test_an_answer_without_usage_costs_what_its_attempt_was_held_for() -> None:
    outcome = ANSWERED._replace(usage=None)

    assert price(outcome, amount=100) == CallCost(Cost(100, "USD"), (100,))
    assert price(outcome).cost == Unpriced("no_usage")


@pytest.mark.parametrize(
    ("charged", "expected"),
    [((), Cost(0, "USD")), (("none", "none"), Cost(0, "USD")), (("none", "presumed"), Unpriced("presumed"))],
)
def test_a_failed_call_costs_nothing_or_is_unpriced(charged: tuple[str, ...], expected: Cost | Unpriced) -> None:
    failed = Outcome(tuple(map(attempt, charged)), ProviderTimeout("x"))

    assert price(failed).cost == expected


def test_an_answer_without_usage_stays_as_it_is() -> None:
    assert add_cost({"choices": []}, Cost(1, "USD")) == {"choices": []}


def test_an_unknown_cost_is_left_out() -> None:
    assert usage_fields(Unpriced("no_price")) == {}
    assert usage_fields(Cost(1_234_567, "CNY")) == {"cost": 0.000001234567, "cost_currency": "CNY"}
