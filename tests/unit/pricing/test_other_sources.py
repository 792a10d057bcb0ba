"""Our prices beside those of LiteLLM and genai-prices: every difference is known, with who is right."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qwen_gateway.amounts import PICO
from qwen_gateway.pricing.price_list import Price, price_list
from qwen_gateway.pricing.units import TOKEN_UNITS, TOKENS

OTHERS: dict[str, Any] = json.loads(Path(__file__).with_name("other_sources.json").read_bytes())
"""Made by `make price-sources` from the packages."""
SINGAPORE = price_list("dashscope-singapore")
NO_LIMIT = 10**9


def compare(price: Price, others: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what another source says otherwise: `unit@tokens: ours, theirs`, at the end of each tier of either."""
    limits = {tier.up_to or NO_LIMIT for tier in price.tiers} | {tier["up_to"] or NO_LIMIT for tier in others}
    for limit in sorted(limits):
        tier = price.tier(limit) or price.tiers[-1]
        other = next((each for each in others if limit <= (each["up_to"] or NO_LIMIT)), others[-1])
        for unit in TOKEN_UNITS.values():
            ours = tier.prices[unit] * TOKENS / PICO if unit in tier.prices else None
            theirs = other.get(unit.name)
            if theirs is not None and theirs != ours:
                yield f"{unit.name}@{'-' if limit == NO_LIMIT else limit}: {ours}, {theirs}"


DISCOUNT = "OpenRouter resells it below DashScope's list price, and the list price is what DashScope charges"
DIFFERENCES = {
    ("litellm", "qwen-plus"): ("input@1000000: 1.2, 0.4", "LiteLLM has its second tier for snapshots only"),
    ("genai-prices", "qwen-plus"): ("input@256000: 0.4, 0.26", DISCOUNT),
    ("genai-prices", "qwen3-coder-flash"): ("input@32000: 0.3, 0.195", DISCOUNT),
    ("genai-prices", "qwen3-coder-plus"): ("input@32000: 1.0, 0.65", DISCOUNT),
    ("genai-prices", "qwen3-max"): ("input@128000: 2.4, 1.2", "OpenRouter has one tier; LiteLLM confirms ours"),
    ("genai-prices", "qwen3.6-flash"): ("cache_write@256000: 0.2344, 0.234375", "ours is rounded up: the dearer"),
    ("genai-prices", "qwen3.6-plus"): ("input@256000: 0.5, 0.325", DISCOUNT),
    ("genai-prices", "qwen3.7-max"): ("input@-: 2.5, 1.475", DISCOUNT),
    ("genai-prices", "qwen3.7-plus"): ("input@256000: 0.4, 0.32", DISCOUNT),
}  # fmt: skip
"""The first difference of each model, and why ours stands."""


def find_differences(source: str, model: str) -> list[str]:
    (price,) = SINGAPORE.prices(model)
    return list(compare(price, OTHERS[source]["models"][model]))


@pytest.mark.parametrize("source", OTHERS)
def test_every_difference_from_another_source_is_known(source: str) -> None:
    first = {
        (source, model): differences[0]
        for model in OTHERS[source]["models"]
        if (differences := find_differences(source, model))
    }

    assert first == {key: difference for key, (difference, _) in DIFFERENCES.items() if key[0] == source}


@pytest.mark.parametrize(("source", "compared"), [("litellm", 16), ("genai-prices", 15)])
def test_the_other_sources_have_most_of_our_models(source: str, compared: int) -> None:
    assert len(OTHERS[source]["models"].keys() & set(SINGAPORE.models)) == compared


def test_a_wrong_price_of_ours_would_be_found() -> None:
    (price,) = SINGAPORE.prices("qwen3.8-max")
    wrong = [{"up_to": None, "input": 2.5, "output": 6.0, "cache_hit": 0.25}]

    assert list(compare(price, wrong)) == ["input@-: 2.0, 2.5"]


def is_cheaper(ours: str, theirs: str) -> bool:
    return ours != "None" and float(ours) < float(theirs)


def test_no_price_of_ours_is_below_another_source() -> None:
    """Where two sources of the same seller disagree, the dearer figure counts."""
    cheaper = [
        (source, model, difference)
        for source, model in DIFFERENCES
        for difference in find_differences(source, model)
        if is_cheaper(*difference.partition(": ")[2].split(", "))
    ]

    # OpenRouter's own cache price for a model that it sells in one tier.
    assert cheaper == [("genai-prices", "qwen3-coder-plus", "cache_hit@32000: 0.1, 0.13")]
