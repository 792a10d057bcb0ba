"""Price lists: TOML files by provider, region and deployment scope, with the owner's own prices merged over them."""

import functools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from qwen_gateway import datafile
from qwen_gateway.amounts import PICO
from qwen_gateway.pricing.units import FEES, TOKEN_UNITS, UNITS, Unit

LISTS = Path(__file__).parent / "lists"
OWN_PRICES = Path(__file__).parent.parent
"""The folder of prices.toml, the owner's own prices."""


class Tier(NamedTuple):
    """Prices in pico-units per token, for a request with at most `up_to` tokens of input; None is unlimited."""

    up_to: int | None
    prices: Mapping[Unit, int]


class Price(NamedTuple):
    """What one source says that a model costs, from a date on.

    Attributes:
        version: names it in records: `list/model@date`, the date of the price or else that on which it was read.
        source: who says so.
        as_of: the date on which it was read there.
        effective: seconds since 1970.
        currency: of the prices.
        tiers: the input of the request chooses one of them for the whole request.
        fees: pico-units per call of a tool of the provider.
        unknown: units that have a price of their own which is not known.
    """

    version: str
    source: str
    as_of: str
    effective: float
    currency: str
    tiers: tuple[Tier, ...]
    fees: Mapping[Unit, int]
    unknown: frozenset[Unit]

    def tier(self, tokens_in: int) -> Tier | None:
        """Return the tier of a request; None if its input is above the last one."""
        return next((tier for tier in self.tiers if tier.up_to is None or tokens_in <= tier.up_to), None)

    def rate(self, unit: Unit, tier: Tier) -> int | None:
        """Return the pico-units for one of a unit: its price, or that of its first fallback that has one."""
        if unit in self.unknown:
            return None
        rate = tier.prices.get(unit, self.fees.get(unit))
        return self.rate(UNITS[unit.fallback], tier) if rate is None and unit.fallback else rate


class PriceList:
    """The prices of one provider, region and deployment scope."""

    def __init__(self, name: str, document: Mapping[str, Any]) -> None:
        self.name = name
        self.currency: str = document["currency"]
        self.source: str = document["source"]
        self.as_of: str = document["as_of"]
        self.scope: str = document.get("scope", "")
        self.notes: str = document.get("notes", "")
        self._models: Mapping[str, Sequence[Mapping[str, Any]]] = document["models"]
        self._fees = _pico(document.get("fees", {}), FEES)
        self._prices: dict[str, tuple[Price, ...]] = {}

    @property
    def models(self) -> list[str]:
        """The names of the priced models, in the order of the file."""
        return list(self._models)

    def prices(self, model: str) -> tuple[Price, ...]:
        """Return every price of a model, old ones and those of other sources included, by their date."""
        if model not in self._prices:
            parsed = (self._parse(model, entry) for entry in self._models.get(model, ()))
            self._prices[model] = tuple(sorted(parsed, key=lambda price: price.effective))
        return self._prices[model]

    def current(self, model: str, at: float) -> tuple[Price, ...]:
        """Return the price of a model at a time (seconds since 1970) by each source that has one."""
        latest: dict[str, Price] = {}
        for price in self.prices(model):
            if price.effective <= at:
                latest[price.source] = price
        return tuple(latest.values())

    def _parse(self, model: str, entry: Mapping[str, Any]) -> Price:
        date, as_of = entry.get("effective"), entry.get("as_of", self.as_of)
        return Price(
            version=f"{self.name}/{model}@{date or as_of}",
            source=entry.get("source", self.source),
            as_of=as_of,
            effective=parse_date(date) if date else 0,
            currency=self.currency,
            tiers=tuple(Tier(tier.get("up_to"), _pico(tier, TOKEN_UNITS)) for tier in entry["tiers"]),
            fees=self._fees,
            unknown=frozenset(UNITS[name] for name in entry.get("unknown", ())),
        )


def parse_date(text: str) -> float:
    """Return a date (midnight in UTC) or a date with time and offset in seconds since 1970, or raise ValueError."""
    date = datetime.fromisoformat(text)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def names() -> list[str]:
    """Return the names of all price lists, the owner's included."""
    return sorted({*datafile.names(LISTS), *_own_prices()})


@functools.cache
def price_list(name: str) -> PriceList:
    """Return a price list. The owner's prices of a model replace those of the list.

    Raises:
        KeyError: there is no such list.
    """
    own = _own_prices().get(name, {})
    if name not in datafile.names(LISTS):
        return PriceList(name, _own_prices()[name])
    document = datafile.load(LISTS, name)
    return PriceList(name, {**document, **own, "models": {**document["models"], **own.get("models", {})}})


@functools.cache
def _own_prices() -> Mapping[str, Any]:
    return datafile.load(OWN_PRICES, "prices")


def _pico(prices: Mapping[str, Any], units: Mapping[str, Unit]) -> dict[Unit, int]:
    """Return prices in pico-units for one of each unit. Six decimals of a price per million tokens are exact."""
    return {unit: round(prices[name] * PICO) // unit.per for name, unit in units.items() if name in prices}
