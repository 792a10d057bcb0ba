"""Prices whose defects are logged: a wrong price list costs neither an answer nor its record."""

from collections.abc import Callable
from typing import Protocol

from qwen_gateway import observability
from qwen_gateway.calls import call_cost, call_plan
from qwen_gateway.pricing import Cost, Unpriced
from qwen_gateway.pricing.bound import RequestLimits
from qwen_gateway.request_ids import RequestIds
from qwen_gateway.routing import Target
from qwen_gateway.usage import Usage


class Prices(call_plan.Prices, call_cost.Prices, Protocol):
    """Costs and bounds."""


class GuardedPrices:
    """The prices for one request: where they fail, the model is unpriced for `internal_error`."""

    def __init__(self, prices: Prices, ids: RequestIds) -> None:
        self._prices = prices
        self._ids = ids
        self.currency = prices.currency

    def cost(self, target: Target, usage: Usage | None, at: float) -> Cost | Unpriced:
        """Return the cost of a call that started at a time (seconds since 1970)."""
        return self._guard(lambda: self._prices.cost(target, usage, at))

    def bound(self, target: Target, limits: RequestLimits, at: float) -> Cost | Unpriced:
        """Return the most that a request within the limits can cost, if it starts at a time (seconds since 1970)."""
        return self._guard(lambda: self._prices.bound(target, limits, at))

    def nothing(self) -> Cost:
        """Return the cost of a call that was not charged."""
        return self._prices.nothing()

    def _guard(self, price: Callable[[], Cost | Unpriced]) -> Cost | Unpriced:
        try:
            return price()
        except Exception as error:  # noqa: BLE001 - a defect of a price list is not one of the call
            observability.report(error, self._ids)
            return Unpriced("internal_error")
