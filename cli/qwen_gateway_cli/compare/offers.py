"""What is compared: the models of each platform, with their prices and what the catalog knows of them.

A platform is a price list of the gateway, by its name.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from qwen_gateway import catalog
from qwen_gateway.catalog import Model
from qwen_gateway.config import Configuration
from qwen_gateway.pricing.price_list import Price, names, price_list


class Offer(NamedTuple):
    """A model on a platform.

    Attributes:
        prices: those that hold now, one of each source; none if the model is unpriced.
        input_tokens: the most tokens of input that the model accepts; None if unknown.
        retired: when the platform stopped serving the model; None if it still does, or if that is unknown.
        latency: the median latency that the source of the price claims.
        notes: what its source says besides the price.
    """

    platform: str
    model: str
    prices: tuple[Price, ...]
    input_tokens: int | None = None
    retired: datetime | None = None
    latency: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name by which `--base` selects it."""
        return f"{self.platform}/{self.model}"


def list_offers(configuration: Configuration, at: float) -> Iterator[Offer]:
    """Yield the models of every price list, and those of the catalog that have no price there.

    Args:
        configuration: its providers join price lists and catalog.
        at: the time of the comparison, in seconds since 1970.
    """
    for name in names():
        prices = price_list(name)
        users = [provider for provider in configuration.providers.values() if provider.prices == name]
        sections = {provider.catalog for provider in users if provider.catalog}
        described = [catalog.section(section) for section in sorted(sections)]
        models = dict.fromkeys([*prices.models, *(model for section in described for model in section)])
        # Nothing says which section describes a list without a provider, for example one for batches.
        known = described if users else [catalog.section(section) for section in catalog.sections()]
        for model in models:
            entries = [section[model] for section in known if model in section]
            yield Offer(
                name,
                model,
                prices.current(model, at),
                input_tokens=max((entry.input_tokens or 0 for entry in entries), default=0) or None,
                retired=_find_retirement(entries, at),
            )


def list_unpriced_providers(configuration: Configuration) -> list[str]:
    """Return the providers without a price list."""
    return [name for name, provider in configuration.providers.items() if not provider.prices]


def _find_retirement(entries: list[Model], at: float) -> datetime | None:
    """Return the last retirement of a model if all of its entries in the catalog are retired."""
    dates = [entry.retirement.date for entry in entries if entry.retirement and entry.retirement.date.timestamp() <= at]
    return max(dates) if dates and len(dates) == len(entries) else None
