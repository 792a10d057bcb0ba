"""Read what other packages say that Qwen models cost, for tests to compare: `make price-sources`.

LiteLLM's price file has DashScope's international prices. genai-prices has those of OpenRouter, which resells the
models with discounts of its own. The result is committed, so that no test needs the packages.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from importlib import metadata
from pathlib import Path
from typing import Any

from qwen_gateway.pricing.price_list import price_list

MODELS = price_list("dashscope-singapore").models
FILE = Path(__file__).parents[1] / "tests/unit/pricing/other_sources.json"
_PER_MILLION = 1_000_000
_LITELLM_UNITS = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "output_cost_per_reasoning_token": "output_thinking",
    "cache_read_input_token_cost": "cache_hit",
    "explicit_cache_read_input_token_cost": "cache_hit_explicit",
    "cache_creation_input_token_cost": "cache_write",
}
_GENAI_UNITS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_hit",
    "cache_write_mtok": "cache_write",
}

type Tier = dict[str, float | int | None]


def main(packages: Path) -> None:
    """Write the prices of the packages in a folder to `FILE`."""
    sys.path.insert(0, str(packages))
    versions = {name: metadata.version(name) for name in ("litellm", "genai-prices")}
    document = {
        "litellm": {"version": versions["litellm"], "models": dict(_read_litellm(packages))},
        "genai-prices": {"version": versions["genai-prices"], "models": dict(_read_genai_prices())},
    }
    FILE.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _read_litellm(packages: Path) -> Iterator[tuple[str, list[Tier]]]:
    """Yield DashScope's models with their tiers, in US dollars per million tokens."""
    file = packages / "litellm/model_prices_and_context_window_backup.json"
    for name, facts in json.loads(file.read_bytes()).items():
        provider, _, model = name.partition("/")
        if provider != "dashscope" or model not in MODELS:
            continue
        entries = facts.get("tiered_pricing") or [facts]
        tiers = [tier for entry in entries if (tier := _convert_litellm(entry))]
        if tiers:
            yield model, tiers


def _convert_litellm(entry: Mapping[str, Any]) -> Tier:
    prices: Tier = {
        unit: float(Decimal(str(entry[name])) * _PER_MILLION) for name, unit in _LITELLM_UNITS.items() if name in entry
    }
    limit = int(entry["range"][1]) if "range" in entry else None
    return {"up_to": limit, **prices} if prices else {}


def _read_genai_prices() -> Iterator[tuple[str, list[Tier]]]:
    """Yield OpenRouter's Qwen models with their newest price, in US dollars per million tokens."""
    from genai_prices.data import providers  # type: ignore[import-not-found] # noqa: PLC0415 - in the folder of main

    (openrouter,) = (provider for provider in providers if provider.id == "openrouter")
    for model in openrouter.models:
        vendor, _, name = model.id.partition("/")
        if vendor == "qwen" and name in MODELS:
            newest = model.prices[-1].prices if isinstance(model.prices, list) else model.prices
            yield name, list(_convert_genai(newest))


def _convert_genai(prices: Any) -> Iterator[Tier]:
    values = {unit: value for name, unit in _GENAI_UNITS.items() if (value := getattr(prices, name)) is not None}
    starts = sorted({tier.start for value in values.values() for tier in getattr(value, "tiers", ())})
    for start, end in zip((0, *starts), (*starts, None), strict=True):
        yield {"up_to": end, **{unit: _price_above(value, start) for unit, value in values.items()}}


def _price_above(value: Any, start: int) -> float:
    """Return the price of a request with more than `start` tokens of input."""
    price = getattr(value, "base", value)
    for tier in getattr(value, "tiers", ()):
        price = tier.price if tier.start <= start else price
    return float(price)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
