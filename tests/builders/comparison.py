"""Offers, exchange rates and a load for comparisons of costs."""

from datetime import datetime

from qwen_gateway import config
from qwen_gateway.pricing import Prices
from qwen_gateway.pricing.price_list import PriceList
from qwen_gateway_cli.compare.comparison import Exchange, Load
from qwen_gateway_cli.compare.offers import Offer

NOW = datetime.fromisoformat("2026-11-27T12:00:00+00:00").timestamp()
LOAD = Load(10_000, 500, 300)


def create_exchange(currency: str = "USD", cny: float = 0.14) -> Exchange:
    accounting = {"currency": "USD", "exchange_rates": {"CNY": cny}}
    return Exchange(Prices(config.parse("", {"accounting": accounting})), currency)


def create_offer(  # noqa: PLR0913 - the facts of an offer
    model: str = "m",
    *,
    platform: str = "p",
    source: str = "a",
    currency: str = "USD",
    input_tokens: int | None = None,
    retired: datetime | None = None,
    **tier: float,
) -> Offer:
    """Return an offer; without prices it is unpriced."""
    document = {"currency": currency, "source": source, "as_of": "2026-11-01", "models": {model: [{"tiers": [tier]}]}}
    prices = PriceList(platform, document).current(model, NOW) if tier else ()
    return Offer(platform, model, prices, input_tokens, retired)
