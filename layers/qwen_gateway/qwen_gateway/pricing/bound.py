"""An upper bound of what a request may cost, from the most that the provider can count for it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from qwen_gateway.pricing.cost import Unpriced
from qwen_gateway.pricing.price_list import Price, Tier
from qwen_gateway.pricing.units import CACHE_HIT, CACHE_HIT_EXPLICIT, INPUT, OUTPUT, OUTPUT_THINKING, Unit


class RequestLimits(NamedTuple):
    """The most that a provider can count for a request.

    Attributes:
        tokens_in: tokens of the input.
        tokens_out: tokens of the output, thinking included, of all choices together.
        may_think: whether the output can be billed as that of a request that thought.
        cache_writes: the units in which input written to a cache can be billed.
    """

    tokens_in: int
    tokens_out: int
    may_think: bool = False
    cache_writes: frozenset[Unit] = frozenset()


class Bound(NamedTuple):
    """Pico-units of the price's currency that no usage within the limits of a request exceeds."""

    amount: int
    price: Price


def upper_bound(limits: RequestLimits, prices: Sequence[Price]) -> Bound | Unpriced:
    """Return the most that a request can cost at these prices of its model.

    The provider's count of the input chooses the tier, so each tier that it can reach is considered, with the dearest
    unit for all of the input and for all of the output.
    """
    if not prices:
        return Unpriced("no_price")
    bounds = [_bound_at(price, tier, limits) for price in prices for tier in _reachable_tiers(price, limits.tokens_in)]
    unpriced = next((each for each in bounds if isinstance(each, Unpriced)), None)
    return unpriced or max((each for each in bounds if isinstance(each, Bound)), key=lambda each: each.amount)


def _reachable_tiers(price: Price, tokens_in: int) -> Iterator[Tier | None]:
    """Yield the tiers of every input up to `tokens_in`, and None if there is one without a tier."""
    for tier in price.tiers:
        yield tier
        if tier.up_to is None or tokens_in <= tier.up_to:
            return
    yield None


def _bound_at(price: Price, tier: Tier | None, limits: RequestLimits) -> Bound | Unpriced:
    if tier is None:
        return Unpriced("no_price_of_this_length")
    input_units = {INPUT, CACHE_HIT, CACHE_HIT_EXPLICIT, *limits.cache_writes}
    output_units = {OUTPUT_THINKING, OUTPUT} if limits.may_think else {OUTPUT}
    tokens_in = limits.tokens_in if tier.up_to is None else min(tier.up_to, limits.tokens_in)
    amount = 0
    for tokens, units in ((tokens_in, input_units), (limits.tokens_out, output_units)):
        rates = {unit: price.rate(unit, tier) for unit in units} if tokens else {}
        if missing := next((unit for unit, rate in rates.items() if rate is None), None):
            return Unpriced(f"no_price_of_{missing.name}")
        amount += tokens * max((rate for rate in rates.values() if rate is not None), default=0)
    return Bound(amount, price)
