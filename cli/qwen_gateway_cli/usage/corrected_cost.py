"""What a record costs by the prices of today's price lists, for the time of its call."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from qwen_gateway.config import Configuration
from qwen_gateway.ledger.repricings import Repricing
from qwen_gateway.pricing.cost import Bill, Unpriced, bill
from qwen_gateway.pricing.prices import Prices, convert
from qwen_gateway.routing import Target
from qwen_gateway.usage import Usage


class Skipped(NamedTuple):
    """Why a record is not repriced; nothing is wrong with it."""

    reason: str


class CorrectedCosts:
    """The costs of records by the price lists of this repository, with the providers of a configuration."""

    def __init__(self, configuration: Configuration) -> None:
        self._providers = configuration.providers
        self._prices = Prices(configuration)

    def find_repricing(self, record: Mapping[str, Any], *, adjusts_budget: bool) -> Repricing | Skipped | None:
        """Return how a record is to be repriced, why it is not, or None if its cost is right.

        A charge of the budget is a part of it only if `adjusts_budget`; then also one that an earlier repricing left
        out.
        """
        if reason := _find_obstacle(record):
            return Skipped(reason)
        cost = self._compute(record)
        if isinstance(cost, Skipped):
            return cost
        amount = cost.amount - record.get("cost", 0) - record.get("repriced", 0)
        charge = 0
        if adjusts_budget and "hold" in record:
            charge = record.get("repriced", 0) + amount - record.get("charged", 0)
        return Repricing(record, amount, cost.currency, cost.price, charge) if amount or charge else None

    def _compute(self, record: Mapping[str, Any]) -> "_NewCost | Skipped":
        target = Target(record["provider"], record["model_used"])
        if target.provider not in self._providers:
            return Skipped(f"no provider {target.provider} is configured")
        usage = Usage(**{field: record.get(field) for field in Usage._fields})
        result = bill(usage, self._prices.current(target, record["created"]))
        if isinstance(result, Unpriced):
            return Skipped(result.reason)
        currency = record.get("cost_currency", self._prices.currency)
        rate = self._find_rate(record, result, currency)
        if rate is None:
            return Skipped(f"no exchange rate from {result.price.currency} to {currency}")
        presumed = sum(attempt.get("presumed_cost", 0) for attempt in record["attempts"])
        return _NewCost(convert(result.total, rate) + presumed, currency, result.price.version)

    def _find_rate(self, record: Mapping[str, Any], result: Bill, currency: str) -> Decimal | None:
        """Return the rate of the record, so that only prices make a difference; for one without a cost, today's."""
        if result.price.currency == currency:
            return Decimal(1)
        if "exchange_rate" in record:
            return Decimal(record["exchange_rate"])
        return self._prices.rate(result.price.currency) if currency == self._prices.currency else None


class _NewCost(NamedTuple):
    amount: int
    currency: str
    price: str


def _find_obstacle(record: Mapping[str, Any]) -> str:
    if record.get("state", "settled") != "settled":
        return "not settled"
    if "adjustment" in record:
        return "refunded"
    attempts = record.get("attempts") or [{}]
    if attempts[-1].get("charged") != "billed":
        return "no answer was billed"
    if "presumed_cost" in attempts[-1]:
        return "the cost is presumed"
    return ""
