"""The article's comparison table, and what other sources say about its prices: article.toml."""

import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from qwen_gateway import datafile
from qwen_gateway.pricing.price_list import PriceList
from qwen_gateway_cli.compare.offers import Offer

SOURCE = "article"
"""The source of the article's prices, also where prices.toml repeats them."""
BASE = "dashscope/qwen2.5-max"
"""The article compares with the provider's own platform."""


def notes() -> list[str]:
    """Return what holds for all of the article's prices."""
    document: list[str] = _load()["notes"]
    return document


def list_offers(at: float) -> Iterator[Offer]:
    """Yield the models of the article, with its prices and claims."""
    for platform, document in _platforms().items():
        for model, (entry,) in document["models"].items():
            prices = PriceList(platform, document).current(model, at)
            yield Offer(platform, model, prices, latency=entry["latency"], notes=tuple(entry.get("notes", ())))


def add_offers(offers: Iterable[Offer], at: float) -> list[Offer]:
    """Return offers and those of the article.

    A price list that has the same offer replaces the article's price. The article's claims stay with its own prices,
    which prices.toml repeats.
    """
    claimed = {offer.name: offer for offer in list_offers(at)}
    merged = []
    for offer in offers:
        claim = claimed.pop(offer.name, None)
        is_its_price = claim and {price.source for price in offer.prices} == {SOURCE}
        merged.append(offer._replace(latency=claim.latency, notes=claim.notes) if claim and is_its_price else offer)
    return [*merged, *claimed.values()]


def list_other_prices(at: float) -> Iterator[Offer]:
    """Yield the article's models with the prices that other sources name."""
    for platform, document in _platforms().items():
        for model, (entry,) in document["models"].items():
            for other in entry["others"]:
                prices = PriceList(platform, {**document, **other, "models": {model: [other]}})
                yield Offer(platform, model, prices.current(model, at))


def _platforms() -> Mapping[str, Mapping[str, Any]]:
    return {name: value for name, value in _load().items() if name != "notes"}


@functools.cache
def _load() -> Mapping[str, Any]:
    return datafile.load(Path(__file__).parent, "article")
