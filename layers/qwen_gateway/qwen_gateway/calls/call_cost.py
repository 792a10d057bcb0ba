"""What a call costs, and how the client is told."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from qwen_gateway.pricing import Cost, Unpriced
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Attempt
from qwen_gateway.usage import Usage


class Prices(Protocol):
    """The prices of the targets."""

    def cost(self, target: Target, usage: Usage | None, at: float) -> Cost | Unpriced:
        """Return the cost of a call that started at a time (seconds since 1970)."""
        ...

    def nothing(self) -> Cost:
        """Return the cost of a call that was not charged."""
        ...


class CallCost(NamedTuple):
    """The cost of a call, and what is presumed of each attempt whose cost the provider did not report; else None."""

    cost: Cost | Unpriced
    presumed: tuple[int | None, ...] = ()


type BoundOf = Callable[[Target], Cost | None]
"""Returns the most that an attempt at a target may cost; None without a bound."""


class Pricing(NamedTuple):
    """What the cost of a call depends on beside its attempts.

    Attributes:
        prices: the prices of the targets.
        bound: the bounds of the call.
        policy: what presumed attempts are charged.
        at: the start of the call, in seconds since 1970.
        amount: what its hold has for it, in pico-units; 0 without.
    """

    prices: Prices
    bound: BoundOf
    policy: Literal["bound", "nothing"]
    at: float
    amount: int


class _Charge(NamedTuple):
    cost: Cost | Unpriced
    is_presumed: bool = False


def price_call(pricing: Pricing, attempts: Sequence[Attempt], usage: Usage | None) -> CallCost:
    """Return the cost of a call with these attempts; `usage` is that of the last one, if it was answered."""
    charges = [_charge(pricing, attempt, usage) for attempt in attempts]
    presumed = tuple(
        charge.cost.amount if charge.is_presumed and isinstance(charge.cost, Cost) else None for charge in charges
    )
    is_answered = bool(attempts) and attempts[-1].charged == "billed"
    # The answer's cost is told, also if that of an attempt before it is not known.
    deciding = charges[-1:] if is_answered else charges
    if unpriced := next((charge.cost for charge in deciding if isinstance(charge.cost, Unpriced)), None):
        return CallCost(unpriced, presumed)
    costs = [charge.cost for charge in charges if isinstance(charge.cost, Cost)]
    main = costs[-1] if is_answered else max(costs, key=lambda cost: cost.amount, default=pricing.prices.nothing())
    return CallCost(main._replace(amount=sum(cost.amount for cost in costs)), presumed)


def _charge(pricing: Pricing, attempt: Attempt, usage: Usage | None) -> _Charge:
    """Return what the call is charged for an attempt."""
    match attempt.charged:
        case "billed":
            cost = pricing.prices.cost(attempt.target, usage, pricing.at)
            if isinstance(cost, Unpriced) and pricing.amount and (bound := pricing.bound(attempt.target)):
                return _Charge(bound, is_presumed=True)
            return _Charge(cost)
        case "presumed":
            nothing = pricing.prices.nothing() if pricing.policy == "nothing" else None
            return _Charge(nothing or pricing.bound(attempt.target) or Unpriced("presumed"), is_presumed=True)
    return _Charge(pricing.prices.nothing())


def usage_fields(cost: Cost | Unpriced) -> dict[str, Any]:
    """Return the fields that the client's `usage` gets: `cost` in the currency's main unit; none if it is not known."""
    return {} if isinstance(cost, Unpriced) else {"cost": cost.value, "cost_currency": cost.currency}


def add_cost(answer: dict[str, Any], cost: Cost | Unpriced) -> dict[str, Any]:
    """Return a whole answer with the cost in its usage; the answer itself if it has no usage."""
    usage = answer.get("usage")
    return {**answer, "usage": {**usage, **usage_fields(cost)}} if usage else answer
