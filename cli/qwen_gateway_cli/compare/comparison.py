"""The comparison: the exact cost of a load with each offer, in one currency, and the savings against one of them."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from qwen_gateway.pricing.cost import Unpriced, bill
from qwen_gateway.pricing.price_list import Price
from qwen_gateway.pricing.prices import Prices
from qwen_gateway.pricing.units import INPUT, OUTPUT, TOKENS, Unit
from qwen_gateway.usage import Usage
from qwen_gateway_cli.compare.offers import Offer

DAYS_OF_MONTH = 30
DAYS_OF_YEAR = 365


class Load(NamedTuple):
    """Requests of a day, and the tokens of each of them."""

    requests: int
    tokens_in: int
    tokens_out: int

    @property
    def usage(self) -> Usage:
        """What a provider reports for one request: no thinking and nothing from a cache."""
        return Usage(self.tokens_in, self.tokens_out)


class Row(NamedTuple):
    """What a load costs with an offer.

    Attributes:
        price: that of the dearest source.
        listed_day: pico-units of the price's currency for a day.
        day: pico-units of the comparison's currency for a day.
    """

    offer: Offer
    price: Price
    listed_day: int
    day: int

    @property
    def month(self) -> int:
        """Pico-units for 30 days."""
        return self.day * DAYS_OF_MONTH

    @property
    def year(self) -> int:
        """Pico-units for 365 days."""
        return self.day * DAYS_OF_YEAR

    @property
    def price_date(self) -> str:
        """Since when the price holds, or else when it was read."""
        return self.price.version.rpartition("@")[2]


class Omission(NamedTuple):
    """A model that has no row, or a provider without prices (`model` is empty), and why."""

    platform: str
    model: str
    reason: str

    @property
    def name(self) -> str:
        """The name of the offer, or that of the provider."""
        return f"{self.platform}/{self.model}" if self.model else self.platform


class Exchange:
    """Converts amounts into one currency by the exchange rates of a configuration."""

    def __init__(self, prices: Prices, currency: str) -> None:
        self.currency = currency
        self._prices = prices

    def rate(self, currency: str) -> Fraction | None:
        """Return what one unit of a currency costs, or None if the configuration does not say."""
        if currency == self.currency:
            return Fraction(1)
        source, target = self._prices.rate(currency), self._prices.rate(self.currency)
        return None if source is None or target is None else Fraction(source) / Fraction(target)

    def convert(self, amount: int, currency: str) -> int | None:
        """Return pico-units of another currency in this one, rounded up to a whole one; None without a rate."""
        rate = self.rate(currency)
        return None if rate is None else -(-amount * rate.numerator // rate.denominator)


class Comparison(NamedTuple):
    """The rows, cheapest first, and the models that have none."""

    load: Load
    currency: str
    rows: Sequence[Row]
    omissions: Sequence[Omission]

    def find(self, name: str) -> Row | None:
        """Return the row of an offer."""
        return next((row for row in self.rows if row.offer.name == name), None)


def compare(load: Load, offers: Iterable[Offer], exchange: Exchange) -> Comparison:
    """Return what a load costs with each offer. An offer whose cost is not known has no row, never a cost of zero."""
    rows: list[Row] = []
    omissions: list[Omission] = []
    for offer in offers:
        result = price_load(load, offer, exchange)
        if isinstance(result, Row):
            rows.append(result)
        else:
            omissions.append(Omission(offer.platform, offer.model, result))
    rows.sort(key=lambda row: (row.day, row.offer.name))
    return Comparison(load, exchange.currency, rows, omissions)


def price_load(load: Load, offer: Offer, exchange: Exchange) -> Row | str:
    """Return the row of an offer, or why there is none."""
    if offer.retired:
        return f"retired on {offer.retired:%Y-%m-%d}"
    if offer.input_tokens and load.tokens_in > offer.input_tokens:
        return f"accepts at most {offer.input_tokens:,} tokens of input"
    result = bill(load.usage, offer.prices)
    if isinstance(result, Unpriced):
        return _explain(result, load)
    listed_day = result.total * load.requests
    day = exchange.convert(listed_day, result.price.currency)
    if day is None:
        return f"gateway.toml has no exchange rate from {result.price.currency} to {exchange.currency}"
    return Row(offer, result.price, listed_day, day)


def price_per_million(row: Row, load: Load, unit: Unit) -> int | None:
    """Return pico-units of the price's currency for a million tokens of a unit; None if it has no price."""
    tier = row.price.tier(load.tokens_in)
    rate = row.price.rate(unit, tier) if tier else None
    return None if rate is None else rate * TOKENS


def prices_per_million(row: Row, load: Load) -> tuple[int | None, int | None]:
    """Return the prices of input and output."""
    return price_per_million(row, load, INPUT), price_per_million(row, load, OUTPUT)


def saved_share(row: Row, base: Row) -> Fraction | None:
    """Return the share of the base's cost that is saved, negative if the row costs more; None if the base is free."""
    return Fraction(base.day - row.day, base.day) if base.day else None


def _explain(unpriced: Unpriced, load: Load) -> str:
    match unpriced.reason:
        case "no_price":
            return "no price"
        case "no_price_of_this_length":
            return f"no price for {load.tokens_in:,} tokens of input"
    return unpriced.reason.replace("_", " ")
