"""What a call costs, and how the client is told."""

from typing import Any, Protocol

from qwen_gateway import observability
from qwen_gateway.calls.usage_record import Call
from qwen_gateway.errors import GatewayError
from qwen_gateway.pricing import Cost, Unpriced, count_searches
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Outcome
from qwen_gateway.usage import Usage


class Prices(Protocol):
    """The prices of the targets."""

    def cost(self, target: Target, usage: Usage | None, at: float) -> Cost | Unpriced:
        """Return the cost of a call that started at a time (seconds since 1970)."""
        ...

    def nothing(self) -> Cost:
        """Return the cost of a call that was not charged."""
        ...


def price_answer(prices: Prices, call: Call, target: Target, usage: Usage | None) -> Cost | Unpriced:
    """Return the cost of a complete answer; the price is that of the call's start."""
    try:
        return prices.cost(target, usage and count_searches(usage, call.routed.body), call.start.epoch)
    except Exception as error:  # noqa: BLE001 - a wrong price list must not cost the answer or its record
        observability.report(error, call.request.ids)
        return Unpriced("internal_error")


def price_call(prices: Prices, call: Call, outcome: Outcome[Any]) -> Cost | Unpriced:
    """Return the cost of a finished call. One that failed is unpriced if a provider may have charged an attempt."""
    if not isinstance(outcome.result, GatewayError):
        return price_answer(prices, call, outcome.attempts[-1].target, outcome.usage)
    is_charged = any(attempt.charged != "none" for attempt in outcome.attempts)
    return Unpriced("presumed") if is_charged else prices.nothing()


def usage_fields(cost: Cost | Unpriced) -> dict[str, Any]:
    """Return the fields that the client's `usage` gets: `cost` in the currency's main unit; none if it is not known."""
    return {} if isinstance(cost, Unpriced) else {"cost": cost.value, "cost_currency": cost.currency}


def add_cost(answer: dict[str, Any], cost: Cost | Unpriced) -> dict[str, Any]:
    """Return a whole answer with the cost in its usage; the answer itself if it has no usage."""
    usage = answer.get("usage")
    return {**answer, "usage": {**usage, **usage_fields(cost)}} if usage else answer
