"""What is worth knowing of sound price lists: disagreeing sources, and what the gateway serves without a price."""

import time
from collections.abc import Iterator

from qwen_gateway.config import Configuration
from qwen_gateway.pricing import Prices
from qwen_gateway.pricing.price_list import Price, names, price_list
from qwen_gateway.routing import Routes, Target


def find_notices(configuration: Configuration) -> Iterator[str]:
    """Yield a line for each."""
    yield from _find_disagreements()
    prices, routes = Prices(configuration), Routes(configuration)
    targets = sorted({(target.provider, target.model) for chain in routes.all().values() for target in chain})
    for provider, model in targets:
        target = Target(provider, model)
        current = prices.current(target, time.time())
        if not current:
            yield f"{provider}/{model} has no price: its calls are unpriced"
        facts = routes.describe(target)
        for price in current:
            yield from _find_gaps(price, f"{provider}/{model}", facts.input_tokens if facts else None, prices)


def _find_disagreements() -> Iterator[str]:
    for name in names():
        for model in price_list(name).models:
            prices = price_list(name).current(model, time.time())
            if len({repr((price.tiers, price.unknown)) for price in prices}) > 1:
                sources = " and ".join(repr(price.source) for price in prices)
                yield f"{name}: {model}: {sources} disagree; the dearest counts"


def _find_gaps(price: Price, target: str, input_tokens: int | None, prices: Prices) -> Iterator[str]:
    limit = price.tiers[-1].up_to
    if limit is not None and input_tokens is not None and input_tokens > limit:
        yield f"{target}: calls with more than {limit:,} tokens of input are unpriced ({price.source})"
    if prices.rate(price.currency) is None:
        yield f"{target}: set accounting.exchange_rates.{price.currency} in gateway.toml, or its calls are unpriced"
