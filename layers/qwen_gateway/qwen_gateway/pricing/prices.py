"""The prices of the configured providers, and costs in the accounting currency."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from qwen_gateway.amounts import PICO, to_float
from qwen_gateway.config import Configuration, ConfigurationError
from qwen_gateway.pricing.bound import RequestLimits, upper_bound
from qwen_gateway.pricing.cost import Unpriced, bill
from qwen_gateway.pricing.price_list import Price, names, price_list
from qwen_gateway.routing import Target
from qwen_gateway.usage import Usage


class Cost(NamedTuple):
    """What a call costs.

    Attributes:
        amount: pico-units of `currency`.
        currency: the accounting currency.
        price: the version of the price, `list/model@date`; None for a call that was not charged.
        rate: what one unit of the price's currency costs in the accounting currency; None if they are the same.
    """

    amount: int
    currency: str
    price: str | None = None
    rate: str | None = None

    @property
    def value(self) -> float:
        """The amount in the currency's main unit."""
        return to_float(self.amount)


class Prices:
    """The prices of the providers of a configuration.

    Raises:
        ConfigurationError: a provider names a price list that does not exist.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._lists = {name: provider.prices for name, provider in configuration.providers.items()}
        self.currency = configuration.accounting.currency
        self._rates = configuration.accounting.exchange_rates
        self._check_lists()

    def current(self, target: Target, at: float) -> tuple[Price, ...]:
        """Return the prices of a target at a time (seconds since 1970), one of each source; none if it is unpriced."""
        name = self._lists[target.provider]
        return price_list(name).current(target.model, at) if name else ()

    def cost(self, target: Target, usage: Usage | None, at: float) -> Cost | Unpriced:
        """Return the cost of a call that started at a time (seconds since 1970)."""
        result = bill(usage, self.current(target, at))
        return result if isinstance(result, Unpriced) else self._convert(result.total, result.price)

    def bound(self, target: Target, limits: RequestLimits, at: float) -> Cost | Unpriced:
        """Return the most that a request within the limits can cost, if it starts at a time (seconds since 1970)."""
        result = upper_bound(limits, self.current(target, at))
        return result if isinstance(result, Unpriced) else self._convert(result.amount, result.price)

    def nothing(self) -> Cost:
        """Return the cost of a call that was not charged."""
        return Cost(0, self.currency)

    def rate(self, currency: str) -> Decimal | None:
        """Return what one unit of a currency costs in the accounting currency, or None if that is not configured."""
        return Decimal(1) if currency == self.currency else self._rates.get(currency)

    def _convert(self, amount: int, price: Price) -> Cost | Unpriced:
        rate = self.rate(price.currency)
        if rate is None:
            return Unpriced("no_exchange_rate")
        used = None if price.currency == self.currency else str(rate)
        return Cost(convert(amount, rate), self.currency, price.version, used)

    def _check_lists(self) -> None:
        known = names()
        for provider, name in self._lists.items():
            if name and name not in known:
                raise ConfigurationError(f"providers.{provider}.prices: {name!r} is none of: {', '.join(known)}")


def convert(amount: int, rate: Decimal) -> int:
    """Return an amount in another currency, rounded up to a whole pico-unit. `rate` has at most 12 decimals."""
    return -(-amount * int(rate * PICO) // PICO)


def sum_costs(costs: Sequence[Cost | Unpriced]) -> Cost | None:
    """Return what several calls cost together, by the price of the first; None if one cost is not known."""
    known = [cost for cost in costs if isinstance(cost, Cost)]
    is_known = bool(known) and len(known) == len(costs)
    return known[0]._replace(amount=sum(cost.amount for cost in known)) if is_known else None
