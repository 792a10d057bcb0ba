"""The exact cost of a call: what the provider reported, multiplied with its prices."""

from collections.abc import Sequence
from typing import NamedTuple

from qwen_gateway.pricing.price_list import Price
from qwen_gateway.pricing.units import Item, billed_items
from qwen_gateway.usage import Usage


class Bill(NamedTuple):
    """What a provider charges for a call: pico-units of the price's currency for each item."""

    price: Price
    amounts: tuple[tuple[Item, int], ...]

    @property
    def total(self) -> int:
        """Pico-units of the price's currency."""
        return sum(amount for _, amount in self.amounts)


class Unpriced(NamedTuple):
    """Why a cost is not known, which is never the same as zero.

    `reason` is `no_price` (no price list has the model), `no_usage` (the provider did not report its tokens),
    `no_exchange_rate`, `no_price_of_this_length` (the input is above the last tier), `no_price_of_` and the unit,
    `presumed` (the call failed, and a provider may charge it) or `internal_error` (a price list is wrong).
    """

    reason: str


def bill(usage: Usage | None, prices: Sequence[Price]) -> Bill | Unpriced:
    """Return what a call costs at these prices of its model. Where sources disagree, the dearest counts."""
    if not prices:
        return Unpriced("no_price")
    items = billed_items(usage) if usage else None
    if usage is None or items is None:
        return Unpriced("no_usage")
    bills = [_bill_at(price, usage.tokens_in or 0, items) for price in prices]
    unpriced = next((each for each in bills if isinstance(each, Unpriced)), None)
    return unpriced or max((each for each in bills if isinstance(each, Bill)), key=lambda each: each.total)


def _bill_at(price: Price, tokens_in: int, items: Sequence[Item]) -> Bill | Unpriced:
    tier = price.tier(tokens_in)
    if tier is None:
        return Unpriced("no_price_of_this_length")
    amounts: list[tuple[Item, int]] = []
    for item in items:
        rate = price.rate(item.unit, tier)
        if rate is None:
            return Unpriced(f"no_price_of_{item.unit.name}")
        amounts.append((item, item.quantity * rate))
    return Bill(price, tuple(amounts))
